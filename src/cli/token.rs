//! `sidegate token`: issues and inspects access tokens.

use std::io::Read as _;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::operator::{Answer, Common, Failed, run as operate};
use crate::app::Tools;
use crate::clock;

/// Issue or inspect an access token.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    common: Common,
}

/// The subcommands of `sidegate token`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Issue an access token for an account, for a test or an emergency, and print it. The audit log records it.
    Mint {
        /// The account: its id, email address or username.
        user: String,
    },
    /// Decode a token from standard input and verify its signature with this installation's keys.
    Inspect,
}

/// Runs the subcommand.
pub fn run(args: Args) -> ExitCode {
    operate(&args.common, async |tools| work(tools, args.command).await)
}

async fn work(tools: &Tools, command: Command) -> Result<Answer, Failed> {
    tools.issuer.load(clock::now()).await?;
    match command {
        Command::Mint { user } => {
            let user = tools.accounts.operator.accounts.lookup(&user).await?;
            let access = tools.accounts.operator.accounts.mint(&user, clock::now()).await?;
            Ok(Answer::Secret {
                note: format!(
                    "an access token of {}, valid for {} seconds",
                    user.email, access.expires_in
                ),
                object: json!({ "access_token": access.token.expose(), "expires_in": access.expires_in }),
                value: access.token,
            })
        }
        Command::Inspect => {
            let mut text = String::new();
            std::io::stdin().take(64 * 1024).read_to_string(&mut text)?;
            inspect(tools, text.trim())
        }
    }
}

/// Shows expired tokens and tokens of unknown keys too: nothing is granted by this.
fn inspect(tools: &Tools, token: &str) -> Result<Answer, Failed> {
    let (input, signature) = token
        .rsplit_once('.')
        .ok_or("token: not a JWT: expected three parts separated by dots, got one")?;
    let (header, claims) = input
        .split_once('.')
        .ok_or("token: not a JWT: expected three parts separated by dots, got two")?;
    let (header, claims) = (part(header)?, part(claims)?);
    let issuer = claims["iss"].as_str().unwrap_or_default();
    let key = tools.accounts.keys.current().find(issuer, header["kid"].as_str());
    let verdict = match key {
        None => "unknown key",
        Some(key) if header["alg"] != key.algorithm().name() => "wrong algorithm",
        Some(key) if key.verify(input.as_bytes(), signature) => "valid",
        Some(_) => "wrong",
    };
    let expired = claims["exp"]
        .as_i64()
        .is_none_or(|exp| exp <= clock::now().unix_timestamp());
    Ok(Answer::One(
        json!({ "signature": verdict, "expired": expired, "header": header, "claims": claims }),
    ))
}

fn part(text: &str) -> Result<Value, Failed> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| "token: not a JWT: a part is not base64url")?;
    serde_json::from_slice(&bytes).map_err(|_| "token: not a JWT: a part is not JSON".into())
}
