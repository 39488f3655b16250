//! `sidegate secrets`: the replacement of `auth.secret`.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;

use crate::keys::Secrets;
use crate::keys::reseal::{self, ResealError, Resealed};
use crate::store::sealed::SealedColumn;
use crate::store::{Postgres, StoreError};

/// How often a line says how far a table is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// The arguments of `sidegate secrets`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do with secrets.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Seal everything in the database under `auth.secret` that is sealed under one of `auth.previous_secrets`
    Reseal,
}

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// PostgreSQL, or another such command.
    #[error(transparent)]
    Reseal(#[from] ResealError),
    /// PostgreSQL.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Some values are still sealed under another secret.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody reads what is printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Runs it. `refresh_ttl`: `auth.refresh_token.ttl`, how long clients hold what cannot be sealed again.
///
/// # Errors
/// When PostgreSQL is away, a value does not open, or `out` takes no more.
pub async fn run(
    args: &Args,
    postgres: &Postgres,
    secrets: &Secrets,
    refresh_ttl: Duration,
    now: OffsetDateTime,
    out: &mut impl Write,
) -> Result<(), Failed> {
    match args.action {
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
                    "{table}: {} values read, {} moved so far",
                    so_far.values, so_far.moved
                );
            }
        })
        .await?;
        writeln!(out, "{table}: {} values, {} moved", done.values, done.moved)?;
        moved += done.moved;
        faults.extend(faults_of(table, &done));
    }
    if !faults.is_empty() {
        return Err(Failed::Incomplete(faults.join("\n")));
    }
    let first = reseal::record(postgres, secrets.current(), moved, now).await?;
    writeln!(
        out,
        "everything in the database is sealed under auth.secret (key id {})",
        secrets.current()
    )?;
    writeln!(out, "{}", advice(secrets, first + refresh_ttl, now))?;
    Ok(())
}

/// What keeps a table from being done, a sentence each.
fn faults_of(table: &str, done: &Resealed) -> Vec<String> {
    let mut faults: Vec<String> = done
        .unknown
        .iter()
        .map(|(id, count)| {
            format!(
                "{table}: {count} values are sealed under a secret with the key id {id}: add it to auth.previous_secrets \
                 and run this again"
            )
        })
        .collect();
    if done.damaged > 0 {
        faults.push(format!("{table}: {} values are damaged and do not open", done.damaged));
    }
    if done.left > 0 {
        faults.push(format!(
            "{table}: {} values were in use all the time: run this again",
            done.left
        ));
    }
    faults
}

/// When `auth.previous_secrets` can go. `expired`: when the last refresh token that was issued before has expired.
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
