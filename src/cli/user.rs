//! `sidegate user`: accounts.

mod import;
mod invitations;

use std::process::ExitCode;

use serde_json::{Value, json};
use uuid::Uuid;

use super::operator::{Answer, Common, Failed, PasswordSource, instant, run as operate};
use super::output::Format;
use crate::accounts::{Accounts, Deleted, Grant, NewAccount, Operator, Page, User};
use crate::app::Tools;
use crate::clock;

/// Accounts.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// What can be done with accounts. USER is an id, an address or a username.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create an account.
    Create {
        /// The address.
        email: String,
        /// A second name to sign in with.
        #[arg(long)]
        username: Option<String>,
        /// A role; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// A permission; may be repeated.
        #[arg(long = "permission")]
        permissions: Vec<String>,
        /// The address is not known to be theirs.
        #[arg(long)]
        unverified: bool,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Import accounts from another system.
    Import(import::Arguments),
    /// List accounts in the order of their making.
    List(List),
    /// Show one account.
    Show {
        /// Whose.
        user: String,
    },
    /// Remove every second factor of somebody who lost theirs; they get a letter.
    ResetMfa {
        /// Whose.
        user: String,
    },
    /// Lock an account until it is unlocked, and end its sessions.
    Lock {
        /// Whose.
        user: String,
    },
    /// Unlock an account, whoever or whatever locked it.
    Unlock {
        /// Whose.
        user: String,
    },
    /// Delete an account and end its sessions. It can be restored until its names are given away.
    Delete {
        /// Whose.
        user: String,
    },
    /// Bring a deleted account back.
    Restore {
        /// Its id: `user list --deleted` shows it.
        id: Uuid,
    },
    /// Want a new password before the next sign-in, and end all sessions.
    ForceReset {
        /// Whose.
        user: String,
    },
    /// Set a password and end all sessions.
    SetPassword {
        /// Whose.
        user: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Give and take roles and permissions.
    Grant {
        /// Whom.
        user: String,
        /// A role to give; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// A permission to give; may be repeated.
        #[arg(long = "permission")]
        permissions: Vec<String>,
        /// A role to take away; may be repeated.
        #[arg(long = "without-role", value_name = "ROLE")]
        without_roles: Vec<String>,
        /// A permission to take away; may be repeated.
        #[arg(long = "without-permission", value_name = "PERMISSION")]
        without_permissions: Vec<String>,
    },
    /// Invite somebody to make an account; where no mail is sent, the token is printed.
    Invite {
        /// The address, the only one that can use it.
        email: String,
        /// A role that comes with the account; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
    },
    /// List the invitations that were not used yet.
    Invitations {
        /// Only those after this id, which is the last of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<Uuid>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Take an invitation back.
    Uninvite {
        /// Which.
        id: Uuid,
    },
    /// End all sessions of an account.
    RevokeSessions {
        /// Whose.
        user: String,
    },
}

/// Which accounts to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those whose address or username begins with this.
    #[arg(long, value_name = "TEXT")]
    starts_with: Option<String>,
    /// Only those after this id, which is the last of the page before.
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
    /// Deleted ones, too.
    #[arg(long)]
    with_deleted: bool,
    /// Only deleted ones.
    #[arg(long, conflicts_with = "with_deleted")]
    deleted: bool,
    /// Only locked ones.
    #[arg(long)]
    locked: bool,
    /// Only those that have this role.
    #[arg(long)]
    role: Option<String>,
    /// At most so many.
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

/// Does it.
pub fn run(args: Args) -> ExitCode {
    let format = args.common.output;
    operate(&args.common, async |tools| work(tools, args.command, format).await)
}

async fn work(tools: &Tools, command: Command, format: Format) -> Result<Answer, Failed> {
    let accounts = &tools.accounts;
    let by = Operator::default();
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
                &accounts.admin.create(wanted, &by, clock::now()).await?,
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
            let user = accounts.admin.lookup(&user).await?;
            accounts.standing.lock(&user, None, &by, clock::now()).await?;
            Ok(Answer::Done(format!("{} is locked and signed out", user.email)))
        }
        Command::Unlock { user } => {
            let user = accounts.admin.lookup(&user).await?;
            accounts.standing.unlock(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!("{} may sign in again", user.email)))
        }
        Command::Delete { user } => {
            let user = accounts.admin.lookup(&user).await?;
            accounts.standing.delete(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} is deleted and signed out; `sidegate user restore {}` brings it back",
                user.email, user.id
            )))
        }
        Command::Restore { id } => Ok(Answer::One(shown(
            &accounts.standing.restore(id, &by, clock::now()).await?,
        ))),
        Command::ForceReset { user } => {
            let user = accounts.admin.lookup(&user).await?;
            accounts
                .standing
                .require_password_reset(&user, &by, clock::now())
                .await?;
            Ok(Answer::Done(format!(
                "{} needs a new password and is signed out",
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
            let user = accounts.admin.lookup(&user).await?;
            let grant = Grant {
                roles,
                permissions,
                without_roles,
                without_permissions,
            };
            Ok(Answer::One(shown(
                &accounts.rights.grant(&user, &grant, &by, clock::now()).await?,
            )))
        }
        Command::Invite { email, roles } => invitations::invite(accounts, &email, &roles).await,
        Command::Invitations { after, limit } => invitations::list(accounts, after, limit).await,
        Command::Uninvite { id } => invitations::revoke(accounts, id).await,
        Command::RevokeSessions { user } => {
            let user = accounts.admin.lookup(&user).await?;
            let ended = accounts.account_sessions.revoke_all(&user, &by, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} is signed out of {ended} session(s)",
                user.email
            )))
        }
    }
}

async fn show(accounts: &Accounts, user: &str) -> Result<Answer, Failed> {
    let user = accounts.admin.lookup(user).await?;
    let mut all = shown(&user);
    let factors = accounts.factor_reset.status_of(&user).await?;
    all["second_factors"] = factors.methods().iter().map(|method| method.word()).collect();
    Ok(Answer::One(all))
}

async fn reset_mfa(accounts: &Accounts, user: &str) -> Result<Answer, Failed> {
    let user = accounts.admin.lookup(user).await?;
    let outcome = if accounts
        .factor_reset
        .reset(&user, &Operator::default(), clock::now())
        .await?
    {
        "has no second factor any more"
    } else {
        "had no second factor"
    };
    Ok(Answer::Done(format!("{} {outcome}", user.email)))
}

async fn set_password(accounts: &Accounts, user: &str, password: &PasswordSource) -> Result<Answer, Failed> {
    let user = accounts.admin.lookup(user).await?;
    let by = Operator::default();
    accounts
        .admin
        .set_password(&user, &password.read()?, &by, clock::now())
        .await?;
    Ok(Answer::Done(format!(
        "{} has a new password and is signed out",
        user.email
    )))
}

/// An account without its password's hash.
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
