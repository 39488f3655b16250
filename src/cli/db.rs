//! `sidegate db`: removes expired rows, and shows sizes, connections and index usage of PostgreSQL.

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
    /// Print a table, or JSON with one object per line
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Format,
}

/// The subcommands of `sidegate db`.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Remove rows older than the configuration's retention: tokens, audit entries, failed email
    Cleanup,
    /// Show the size of each table
    TableSizes,
    /// Show the connections to the database
    Connections,
    /// Show the number of scans and the size of each index
    IndexUsage,
}
/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// PostgreSQL is unreachable, or refused a statement.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another instance holds the cleanup lock.
    #[error("another instance is running the cleanup: try again when it has finished")]
    Busy,
    /// Standard output is closed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Runs the subcommand and prints its result to `out`.
///
/// # Errors
/// When PostgreSQL is unreachable, another instance is cleaning up, or `out` is closed.
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
