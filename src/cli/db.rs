//! `sidegate db`: a look into PostgreSQL, and the removal of what is old.

use std::io::{self, Write};

use time::OffsetDateTime;

use super::output::{self, Format};
use crate::config::boot::Retention;
use crate::store::cleanup::{self, Before};
use crate::store::{Postgres, StoreError, insight};

/// The arguments of `sidegate db`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// How to print it
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Format,
}

/// What to look at.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Remove expired tokens and old audit rows, as the configuration's retention says
    Cleanup,
    /// Show how large the tables are
    TableSizes,
    /// Show who is connected to the database
    Connections,
    /// Show how often each index was used
    IndexUsage,
}
/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// PostgreSQL.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another instance is at it.
    #[error("another instance is cleaning up just now")]
    Busy,
    /// Nobody reads what is printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Runs it.
///
/// # Errors
/// When PostgreSQL is away, another instance cleans up, or `out` takes no more.
pub async fn run(
    args: &Args,
    postgres: &Postgres,
    retention: Retention,
    now: OffsetDateTime,
    out: &mut impl Write,
) -> Result<(), Failed> {
    match args.action {
        Action::Cleanup => {
            let before = Before::at(now, retention.tokens, retention.audit);
            let removed = cleanup::run(postgres, before).await?.ok_or(Failed::Busy)?;
            output::rows(
                out,
                args.output,
                &[
                    "sessions",
                    "refresh_tokens",
                    "devices",
                    "revocations",
                    "reset_tokens",
                    "invitations",
                    "audit_logs",
                    "signing_keys",
                ],
                &[removed],
            )?;
        }
        Action::TableSizes => {
            let rows = insight::table_sizes(postgres).await?;
            let columns = ["table", "estimated_rows", "table_bytes", "index_bytes", "dead_rows"];
            output::rows(out, args.output, &columns, &rows)?;
        }
        Action::Connections => {
            let rows = insight::connections(postgres).await?;
            output::rows(
                out,
                args.output,
                &["application", "state", "connections", "longest_seconds"],
                &rows,
            )?;
        }
        Action::IndexUsage => {
            let rows = insight::index_usage(postgres).await?;
            output::rows(out, args.output, &["table", "index", "scans", "index_bytes"], &rows)?;
        }
    }
    Ok(())
}
