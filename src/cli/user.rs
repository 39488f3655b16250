//! `sidegate user`: manages accounts and invitations.

mod import;
mod invitations;
mod restore;

use std::process::ExitCode;

use serde_json::{Value, json};
use uuid::Uuid;

use super::id::id;
use super::operator::{Answer, Common, Failed, PasswordSource, instant, run as operate};
use super::output::Format;
use crate::accounts::{Accounts, Deleted, Grant, NewAccount, Operator, Page, User};
use crate::app::Tools;
use crate::clock;

/// Manage accounts and invitations.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// The subcommands of `sidegate user`. USER is an id, an email address or a username.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create an account.
    Create {
        /// The email address.
        email: String,
        /// A username, as an alternative to the email address at sign-in.
        #[arg(long)]
        username: Option<String>,
        /// A role; repeat the option for several.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// A permission; repeat the option for several.
        #[arg(long = "permission")]
        permissions: Vec<String>,
        /// Create the account with an email address that is not verified.
        #[arg(long)]
        unverified: bool,
        /// The source of the password.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Import accounts from another system.
    Import(import::Arguments),
    /// List accounts, the oldest first.
    List(List),
    /// Show one account.
    Show {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Remove every second factor of an account. The user is notified by email.
    ResetMfa {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Lock an account until an operator unlocks it, and end its sessions.
    Lock {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Unlock an account that an operator or too many wrong passwords locked.
    Unlock {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Delete an account and end its sessions. It can be restored while nobody else uses its email address or username.
    Delete {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Restore a deleted account.
    Restore {
        /// The account: its id, email address or username. `sidegate user list --deleted` shows them.
        user: String,
    },
    /// Require a password change at the next sign-in, and end all sessions.
    ForceReset {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Set a password, and end all sessions.
    SetPassword {
        /// The account: its id, email address or username.
        user: String,
        /// The source of the password.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Add and remove roles and permissions.
    Grant {
        /// The account: its id, email address or username.
        user: String,
        /// Add this role; repeat the option for several.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// Add this permission; repeat the option for several.
        #[arg(long = "permission")]
        permissions: Vec<String>,
        /// Remove this role; repeat the option for several.
        #[arg(long = "without-role", value_name = "ROLE")]
        without_roles: Vec<String>,
        /// Remove this permission; repeat the option for several.
        #[arg(long = "without-permission", value_name = "PERMISSION")]
        without_permissions: Vec<String>,
    },
    /// Invite somebody to register. The invitation is sent by email; without `auth.mail`, its token is printed.
    Invite {
        /// The email address to invite. The invitation works for no other.
        email: String,
        /// A role of the new account; repeat the option for several.
        #[arg(long = "role")]
        roles: Vec<String>,
    },
    /// List the open invitations.
    Invitations {
        /// Continue after this id, the last one of the previous page.
        #[arg(long, value_name = "ID", value_parser = id)]
        after: Option<Uuid>,
        /// Print at most this many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Withdraw an invitation.
    Uninvite {
        /// The invitation's id; `sidegate user invitations` shows it.
        #[arg(value_parser = id)]
        id: Uuid,
    },
    /// End all sessions of an account.
    RevokeSessions {
        /// The account: its id, email address or username.
        user: String,
    },
}

/// Filters of `sidegate user list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only accounts whose email address or username starts with this text.
    #[arg(long, value_name = "TEXT")]
    starts_with: Option<String>,
    /// Continue after this id, the last one of the previous page.
    #[arg(long, value_name = "ID", value_parser = id)]
    after: Option<Uuid>,
    /// Include deleted accounts.
    #[arg(long)]
    with_deleted: bool,
    /// Only deleted accounts.
    #[arg(long, conflicts_with = "with_deleted")]
    deleted: bool,
    /// Only locked accounts.
    #[arg(long)]
    locked: bool,
    /// Only accounts with this role.
    #[arg(long)]
    role: Option<String>,
    /// Print at most this many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

impl List {
    fn page(&self) -> Page<'_> {
        Page {
            after: self.after,
            starts_with: self.starts_with.as_deref(),
            deleted: match (self.with_deleted, self.deleted) {
                (_, true) => Deleted::Only,
                (true, false) => Deleted::Include,
                (false, false) => Deleted::Exclude,
            },
            locked: self.locked.then_some(true),
            role: self.role.as_deref(),
            limit: self.limit,
        }
    }
}

/// Runs the subcommand.
pub fn run(args: Args) -> ExitCode {
    let format = args.common.output;
    operate(&args.common, async |tools| work(tools, args.command, format).await)
}

async fn work(tools: &Tools, command: Command, format: Format) -> Result<Answer, Failed> {
    let accounts = &tools.accounts;
    let by = Operator::command_line();
    match command {
        Command::Create {
            email,
            username,
            roles,
            permissions,
            unverified,
            password,
        } => {
            let password = password.read()?;
            let wanted = NewAccount {
                email: &email,
                username: username.as_deref(),
                password: &password,
                roles: &roles,
                permissions: &permissions,
                email_verified: !unverified,
            };
            Ok(Answer::One(shown(
                &accounts.operator.accounts.create(wanted, &by, clock::now()).await?,
            )))
        }
        Command::Import(arguments) => import::run(tools, &arguments, format).await,
        Command::List(list) => {
            let found = accounts.overview.users(list.page(), clock::now()).await?;
            let columns = &["id", "email", "username", "roles", "locked_until", "last_login_at"];
            Ok(Answer::Rows(columns, found.iter().map(shown).collect()))
        }
        Command::Show { user } => show(accounts, &user).await,
        Command::ResetMfa { user } => reset_mfa(accounts, &user).await,
        Command::Lock { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            accounts.operator.standing.lock(&user, None, &by, clock::now()).await?;
            Ok(Answer::Done(format!("{} is locked and signed out", user.email)))
        }
        Command::Unlock { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            accounts.operator.standing.unlock(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!("{} is unlocked", user.email)))
        }
        Command::Delete { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            accounts.operator.standing.delete(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} is deleted and signed out; `sidegate user restore {}` restores it",
                user.email, user.id
            )))
        }
        Command::Restore { user } => Ok(Answer::One(shown(&restore::restore(accounts, &user).await?))),
        Command::ForceReset { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            accounts
                .operator
                .standing
                .require_password_reset(&user, &by, clock::now())
                .await?;
            Ok(Answer::Done(format!(
                "{} is signed out and has to change the password at the next sign-in",
                user.email
            )))
        }
        Command::SetPassword { user, password } => set_password(accounts, &user, &password).await,
        Command::Grant {
            user,
            roles,
            permissions,
            without_roles,
            without_permissions,
        } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            let grant = Grant {
                roles,
                permissions,
                without_roles,
                without_permissions,
            };
            Ok(Answer::One(shown(
                &accounts.operator.rights.grant(&user, &grant, &by, clock::now()).await?,
            )))
        }
        Command::Invite { email, roles } => invitations::invite(accounts, &email, &roles).await,
        Command::Invitations { after, limit } => invitations::list(accounts, after, limit).await,
        Command::Uninvite { id } => invitations::revoke(accounts, id).await,
        Command::RevokeSessions { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            let ended = accounts.operator.sessions.revoke_all(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} is signed out of {ended} session(s)",
                user.email
            )))
        }
    }
}

async fn show(accounts: &Accounts, user: &str) -> Result<Answer, Failed> {
    let user = accounts.operator.accounts.lookup(user).await?;
    let mut all = shown(&user);
    let factors = accounts.mfa.reset.status_of(&user).await?;
    all["second_factors"] = factors.methods().iter().map(|method| method.as_str()).collect();
    Ok(Answer::One(all))
}

async fn reset_mfa(accounts: &Accounts, user: &str) -> Result<Answer, Failed> {
    let user = accounts.operator.accounts.lookup(user).await?;
    let outcome = if accounts
        .mfa
        .reset
        .reset(&user, &Operator::command_line(), clock::now())
        .await?
    {
        "has no second factor left"
    } else {
        "had no second factor"
    };
    Ok(Answer::Done(format!("{} {outcome}", user.email)))
}

async fn set_password(accounts: &Accounts, user: &str, password: &PasswordSource) -> Result<Answer, Failed> {
    let user = accounts.operator.accounts.lookup(user).await?;
    let by = Operator::command_line();
    accounts
        .operator
        .accounts
        .set_password(&user, &password.read()?, &by, clock::now())
        .await?;
    Ok(Answer::Done(format!(
        "{} has a new password and is signed out",
        user.email
    )))
}

/// An account as JSON, without its password hash.
fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "email_verified_at": instant(user.email_verified_at),
        "username": user.username,
        "roles": user.roles,
        "permissions": user.permissions,
        "profile": user.profile,
        "locked_until": instant(user.locked_until),
        "password_reset_required_at": instant(user.password_reset_required_at),
        "last_login_at": instant(user.last_login_at),
        "created_at": instant(Some(user.created_at)),
        "deleted_at": instant(user.deleted_at),
    })
}
