//! `sidegate user`: accounts.

mod import;

use std::process::ExitCode;

use serde_json::{Value, json};
use uuid::Uuid;

use super::operator::{Answer, Common, Failed, PasswordSource, instant, run as operate};
use super::output::Format;
use crate::accounts::{Grant, NewAccount, User};
use crate::app::Tools;
use crate::clock;
use crate::store::users::{self, Page};

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
    List {
        /// Only those whose address or username begins with this.
        #[arg(long, value_name = "TEXT")]
        starts_with: Option<String>,
        /// Only those after this id, which is the last of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<Uuid>,
        /// Deleted ones, too.
        #[arg(long)]
        with_deleted: bool,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Show one account.
    Show {
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
    /// End all sessions of an account.
    RevokeSessions {
        /// Whose.
        user: String,
    },
}

/// Does it.
pub fn run(args: Args) -> ExitCode {
    let format = args.common.output;
    operate(&args.common, async |tools| work(tools, args.command, format).await)
}

async fn work(tools: &Tools, command: Command, format: Format) -> Result<Answer, Failed> {
    let accounts = &tools.accounts;
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
            Ok(Answer::One(shown(&accounts.create(wanted, clock::now()).await?)))
        }
        Command::Import(arguments) => import::run(tools, &arguments, format).await,
        Command::List {
            starts_with,
            after,
            with_deleted,
            limit,
        } => {
            let page = Page {
                after,
                starts_with: starts_with.as_deref(),
                with_deleted,
                limit,
            };
            let found = users::list(&accounts.postgres, page).await?;
            let columns = &["id", "email", "username", "roles", "locked_until", "last_login_at"];
            Ok(Answer::Rows(columns, found.iter().map(shown).collect()))
        }
        Command::Show { user } => Ok(Answer::One(shown(&accounts.lookup(&user).await?))),
        Command::Lock { user } => {
            let user = accounts.lookup(&user).await?;
            accounts.lock(&user, None, clock::now()).await?;
            Ok(Answer::Done(format!("{} is locked and signed out", user.email)))
        }
        Command::Unlock { user } => {
            let user = accounts.lookup(&user).await?;
            accounts.unlock(&user, clock::now()).await?;
            Ok(Answer::Done(format!("{} may sign in again", user.email)))
        }
        Command::SetPassword { user, password } => {
            let user = accounts.lookup(&user).await?;
            accounts.set_password(&user, &password.read()?, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} has a new password and is signed out",
                user.email
            )))
        }
        Command::Grant {
            user,
            roles,
            permissions,
            without_roles,
            without_permissions,
        } => {
            let user = accounts.lookup(&user).await?;
            let grant = Grant {
                roles,
                permissions,
                without_roles,
                without_permissions,
            };
            Ok(Answer::One(shown(&accounts.grant(&user, &grant, clock::now()).await?)))
        }
        Command::RevokeSessions { user } => {
            let user = accounts.lookup(&user).await?;
            let ended = accounts.revoke_sessions(&user, clock::now()).await?;
            Ok(Answer::Done(format!(
                "{} is signed out of {ended} session(s)",
                user.email
            )))
        }
    }
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
        "last_login_at": instant(user.last_login_at),
        "created_at": instant(Some(user.created_at)),
        "deleted_at": instant(user.deleted_at),
    })
}
