//! `sidegate session`: lists and ends sessions.

use std::process::ExitCode;

use serde_json::json;
use uuid::Uuid;

use super::id::id;
use super::operator::{Answer, Common, Failed, instant, run as operate};
use crate::accounts::Operator;
use crate::app::Tools;
use crate::clock;

/// List and end sessions.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// The subcommands of `sidegate session`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the active sessions of an account.
    List {
        /// The account: its id, email address or username.
        user: String,
    },
    /// End one session.
    Revoke {
        /// The session id; `sidegate session list` shows it.
        #[arg(value_parser = id)]
        id: Uuid,
    },
    /// End the sessions of all accounts, so that everybody has to sign in again.
    RevokeAll {
        /// Confirm that all accounts are meant.
        #[arg(long, required = true)]
        everyone: bool,
    },
}

/// Runs the subcommand.
pub fn run(args: Args) -> ExitCode {
    operate(&args.common, async |tools| work(tools, args.command).await)
}

async fn work(tools: &Tools, command: Command) -> Result<Answer, Failed> {
    let accounts = &tools.accounts;
    match command {
        Command::List { user } => {
            let user = accounts.operator.accounts.lookup(&user).await?;
            let rows = accounts
                .sessions
                .list(user.id, clock::now())
                .await?
                .into_iter()
                .map(|session| {
                    json!({
                        "id": session.session_id,
                        "device_name": session.device_name,
                        "user_agent": session.user_agent,
                        "client_ip": session.address,
                        "created_at": instant(Some(session.started_at)),
                        "last_seen_at": instant(Some(session.last_seen_at)),
                        "expires_at": instant(Some(session.expires_at)),
                    })
                });
            let columns = &[
                "id",
                "device_name",
                "user_agent",
                "client_ip",
                "created_at",
                "last_seen_at",
            ];
            Ok(Answer::Rows(columns, rows.collect()))
        }
        Command::Revoke { id } => {
            if accounts
                .operator
                .sessions
                .revoke_one(id, None, &Operator::command_line(), clock::now())
                .await?
            {
                Ok(Answer::Done(format!("the session {id} has ended")))
            } else {
                Err(format!("there is no active session {id}").into())
            }
        }
        Command::RevokeAll { .. } => {
            let (mut users, mut sessions) = (0, 0);
            loop {
                let everyone = &accounts.operator.everyone;
                let ended = everyone.end(&Operator::command_line(), clock::now()).await?;
                users += ended.accounts;
                sessions += ended.sessions;
                if ended.is_complete {
                    let done = format!("{sessions} session(s) of {users} account(s) have ended");
                    return Ok(Answer::Done(done));
                }
            }
        }
    }
}
