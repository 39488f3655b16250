//! `sidegate secrets`: makes a secret, and re-encrypts the database after `auth.secret` was replaced.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::keys::Secrets;
use crate::keys::random;
use crate::keys::reseal::{self, ResealError, Resealed};
use crate::store::sealed::SealedColumn;
use crate::store::{Postgres, StoreError};

/// The interval between two progress lines.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// The arguments of `sidegate secrets`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// The subcommands of `sidegate secrets`.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a new secret for the configuration: 32 random bytes in base64
    New,
    /// Re-encrypt with `auth.secret` what the database has encrypted with one of `auth.previous_secrets`
    Reseal,
}

impl Args {
    /// Whether the command makes a secret, which needs no configuration.
    pub const fn makes_one(&self) -> bool {
        matches!(self.action, Action::New)
    }
}

/// A new secret on a line of its own, as `openssl rand -base64 32` prints it.
pub fn new() -> String {
    format!("{}\n", STANDARD.encode(random::bytes::<32>()))
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// PostgreSQL is unreachable, or another such command is running.
    #[error(transparent)]
    Reseal(#[from] ResealError),
    /// PostgreSQL is unreachable, or refused a statement.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Some values are still encrypted with another secret.
    #[error("{0}")]
    Incomplete(String),
    /// Standard output is closed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Runs the subcommand. `refresh_ttl` is `auth.refresh_token.ttl`: for this long clients have tokens that cannot be re-encrypted.
///
/// # Errors
/// When PostgreSQL is unreachable, a value cannot be decrypted, or `out` is closed.
pub async fn run(
    args: &Args,
    postgres: &Postgres,
    secrets: &Secrets,
    refresh_ttl: Duration,
    now: OffsetDateTime,
    out: &mut impl Write,
) -> Result<(), Failed> {
    match args.action {
        Action::New => out.write_all(new().as_bytes()).map_err(Failed::from),
        Action::Reseal => reseal_all(postgres, secrets, refresh_ttl, now, out).await,
    }
}

async fn reseal_all(
    postgres: &Postgres,
    secrets: &Secrets,
    refresh_ttl: Duration,
    now: OffsetDateTime,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let (mut moved, mut faults) = (0, Vec::new());
    for column in SealedColumn::ALL {
        let table = column.table();
        let mut printed = Instant::now();
        let done = reseal::column(postgres, secrets, column, |so_far| {
            if printed.elapsed() >= PROGRESS_EVERY {
                printed = Instant::now();
                // A closed pipe ends the command at the table's own line.
                let _ = writeln!(
                    out,
                    "{table}: {} values read, {} re-encrypted so far",
                    so_far.values, so_far.moved
                );
            }
        })
        .await?;
        writeln!(out, "{table}: {} values, {} re-encrypted", done.values, done.moved)?;
        moved += done.moved;
        faults.extend(faults_of(table, &done));
    }
    if !faults.is_empty() {
        return Err(Failed::Incomplete(faults.join("\n")));
    }
    let first = reseal::record(postgres, secrets.current(), moved, now).await?;
    writeln!(
        out,
        "everything in the database is encrypted with auth.secret (key id {})",
        secrets.current()
    )?;
    writeln!(out, "{}", advice(secrets, first + refresh_ttl, now))?;
    Ok(())
}

/// Why a table is not complete, one sentence each.
fn faults_of(table: &str, done: &Resealed) -> Vec<String> {
    let mut faults: Vec<String> = done
        .unknown
        .iter()
        .map(|(id, count)| {
            format!(
                "{table}: {count} values are encrypted with a secret (key id {id}) that is not configured: add it to \
                 auth.previous_secrets and run this again"
            )
        })
        .collect();
    if done.damaged > 0 {
        faults.push(format!(
            "{table}: {} values are damaged and cannot be decrypted",
            done.damaged
        ));
    }
    if done.left > 0 {
        faults.push(format!(
            "{table}: {} values were locked by other transactions: run this again",
            done.left
        ));
    }
    faults
}

/// When `auth.previous_secrets` can be removed. `expired` is when the last refresh token that was issued before has expired.
fn advice(secrets: &Secrets, expired: OffsetDateTime, now: OffsetDateTime) -> String {
    if secrets.ids().count() == 1 {
        return "auth.previous_secrets is empty: there is nothing to remove".to_owned();
    }
    if expired <= now {
        return "auth.previous_secrets can be removed now".to_owned();
    }
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let expired = expired
        .to_offset(time::UtcOffset::UTC)
        .format(&format)
        .expect("every part of it is there");
    format!(
        "keep auth.previous_secrets until {expired}: refresh tokens that clients hold were issued with them; without them \
         these clients have to sign in again"
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::secret::Key32;

    #[test]
    fn the_advice_is_to_keep_previous_secrets_as_long_as_their_refresh_tokens_live() {
        let [old, new] = [1, 2].map(|byte| Key32::new([byte; 32]));
        let both = Secrets::new(&new, [&old]).unwrap();
        let expired = datetime!(2026-12-27 10:00 UTC);
        let text = advice(&both, expired, expired - Duration::from_secs(1));
        assert!(
            text.starts_with("keep auth.previous_secrets until 2026-12-27 10:00 UTC"),
            "{text}"
        );
        assert_eq!(
            advice(&both, expired, expired),
            "auth.previous_secrets can be removed now"
        );
        let one = Secrets::new(&new, []).unwrap();
        assert!(advice(&one, expired, expired).contains("is empty"));
    }
}
