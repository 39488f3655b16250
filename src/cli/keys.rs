//! `sidegate keys`: the keys that sign access tokens.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::operator::{Answer, Common, Failed, instant, run as operate, text_of};
use crate::app::Tools;
use crate::clock;
use crate::keys::{Algorithm, SigningKey};

/// The keys that sign access tokens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List all keys: next (published), active (signs), retired (only verifies).
    List,
    /// Let the next key sign. Tokens that are out stay valid.
    Rotate {
        /// Even if the next key is so young that a verifier may not have learned it.
        #[arg(long)]
        now: bool,
    },
    /// Take a key that leaked out of use, whatever its state: every token it signed is refused at once.
    Retire {
        /// The key's id.
        kid: String,
    },
    /// Bring in a private key in PEM as the next key.
    Import {
        /// The file.
        file: PathBuf,
    },
}

/// Does it.
pub fn run(args: Args) -> ExitCode {
    operate(&args.common, async |tools| work(tools, args.command).await)
}

async fn work(tools: &Tools, command: Command) -> Result<Answer, Failed> {
    let (issuer, now) = (&tools.issuer, clock::now());
    match command {
        Command::List => {
            let rows = issuer.list().await?.into_iter().map(|row| {
                json!({
                    "kid": row.kid,
                    "algorithm": row.algorithm,
                    "state": row.state.as_str(),
                    "created_at": instant(Some(row.created_at)),
                    "activated_at": instant(row.activated_at),
                    "retired_at": instant(row.retired_at),
                    "expires_at": instant(row.expires_at),
                })
            });
            let columns = &["kid", "algorithm", "state", "created_at", "activated_at", "expires_at"];
            Ok(Answer::Rows(columns, rows.collect()))
        }
        Command::Rotate { now: at_once } => {
            issuer.load(now).await?;
            // A moment later than the load, which may have made the first keys: what is of one moment counts as published
            // together.
            issuer.rotate(at_once, clock::now()).await?;
            let kid = tools
                .accounts
                .keys
                .signer()
                .map(|key| key.kid().to_owned())
                .unwrap_or_default();
            Ok(Answer::Done(format!(
                "{kid} signs now; running instances follow within seconds"
            )))
        }
        Command::Retire { kid } => {
            let revocations = issuer.retire(&kid, now).await?;
            tools.revoker.publish(&revocations).await;
            Ok(Answer::Done(format!(
                "{kid} is retired; its tokens are refused everywhere from now on"
            )))
        }
        Command::Import { file } => {
            let pem = text_of(&file)?;
            let read = |algorithm| SigningKey::from_pem(algorithm, pem.expose()).ok();
            let key = Algorithm::ALL.into_iter().find_map(read);
            let key = key.ok_or("this is no private key for ES256, EdDSA or RS256 in unencrypted PEM")?;
            let state = issuer.import(&key, now).await?;
            Ok(Answer::Done(format!(
                "{} ({}) is now the {} key",
                key.kid(),
                key.algorithm(),
                state.as_str()
            )))
        }
    }
}
