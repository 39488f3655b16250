//! `sidegate keys`: lists, rotates, retires and imports signing keys.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::operator::{Answer, Common, Failed, instant, run as operate, text_of};
use crate::app::Tools;
use crate::clock;
use crate::keys::{Algorithm, KeyError, SigningKey};

/// List, rotate, retire and import the keys that sign access tokens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// The subcommands of `sidegate keys`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the keys with their state: next (published), active (signs), retired (verifies only).
    List,
    /// Make the next key the active one. Tokens signed before stay valid.
    Rotate {
        /// Rotate even if the next key is so new that a verifier may not have fetched it yet.
        #[arg(long)]
        now: bool,
    },
    /// Retire a leaked key, whatever its state: every token it signed is refused at once.
    Retire {
        /// The key id (`kid`).
        // One id in 64 begins with a hyphen (base64url, RFC 7638).
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Import a private key in PEM as the next key. It has to be for `auth.signing.algorithm`; RSA keys need 3072 to 4096
    /// bits.
    Import {
        /// The PEM file.
        file: PathBuf,
    },
}

/// Runs the subcommand.
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
            // Later than the load, which may have created the first keys: keys created at the same instant count as
            // published together.
            issuer.rotate(at_once, clock::now()).await?;
            let kid = tools
                .accounts
                .keys
                .signer()
                .map(|key| key.kid().to_owned())
                .unwrap_or_default();
            Ok(Answer::Done(format!(
                "{kid} is the active key; running instances use it within seconds"
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
            let key = read_key(pem.expose())?;
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

/// Reads a private key of any algorithm.
fn read_key(pem: &str) -> Result<SigningKey, Failed> {
    let mut unusable = None;
    for algorithm in Algorithm::ALL {
        match SigningKey::from_pem(algorithm, pem) {
            Ok(key) => return Ok(key),
            Err(KeyError::NotAPem(_)) => {}
            // It is a key of this kind: why it cannot be used says more than that it is of no other kind.
            Err(error) => unusable = Some(error),
        }
    }
    Err(unusable.map_or_else(
        || "expected an unencrypted private key in PEM, for ES256, EdDSA or RS256".into(),
        Failed::from,
    ))
}
