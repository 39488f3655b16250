//! `sidegate migrate`: runs, undoes, lists and prints migrations.

use std::io::{self, Write};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::{self, Format};
use crate::store::Postgres;
use crate::store::migrate::{self, MigrateError, Migration, SHIPPED, State};

/// The arguments of `sidegate migrate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// The subcommands of `sidegate migrate`.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Run the pending migrations
    Up {
        /// Wait this many seconds for another instance that is migrating
        #[arg(long, value_name = "SECONDS", default_value_t = migrate::LOCK_WAIT.as_secs())]
        wait: u64,
    },
    /// Undo the last N migrations. The data in their tables is lost
    Down {
        /// The number of migrations to undo
        #[arg(value_name = "N", default_value_t = 1)]
        steps: usize,
        /// Wait this many seconds for another instance that is migrating
        #[arg(long, value_name = "SECONDS", default_value_t = migrate::LOCK_WAIT.as_secs())]
        wait: u64,
    },
    /// List the migrations, and which of them have run
    Status {
        /// Print a table, or JSON with one object per line
        #[arg(long, value_enum, default_value_t)]
        output: Format,
    },
    /// Print the migrations as SQL
    Sql,
}

/// Why a subcommand failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The database is unreachable, or its migrations are not those of this binary.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Standard output is closed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

#[derive(serde::Serialize)]
struct Row {
    version: i32,
    name: String,
    state: &'static str,
    applied_at: Option<String>,
}

impl Args {
    /// Whether the command needs a database: `sql` does not.
    pub const fn needs_database(&self) -> bool {
        !matches!(self.action, Action::Sql)
    }
}

/// Runs the subcommand and prints its result to `out`.
///
/// # Errors
/// When the database is unreachable, was made by other migrations, or refuses one; and when `out` is closed.
pub async fn run(args: &Args, postgres: &Postgres, now: OffsetDateTime, out: &mut impl Write) -> Result<(), Failed> {
    match args.action {
        Action::Up { wait } => {
            let ran = migrate::up(postgres, SHIPPED, Duration::from_secs(wait), now).await?;
            report(out, "ran", &ran)?;
        }
        Action::Down { steps, wait } => {
            let undone = migrate::down(postgres, SHIPPED, steps, Duration::from_secs(wait)).await?;
            report(out, "undid", &undone)?;
        }
        Action::Status { output } => {
            let lines = migrate::status(postgres, SHIPPED).await?;
            let rows: Vec<Row> = lines.into_iter().map(row).collect();
            output::rows(out, output, &["version", "name", "state", "applied_at"], &rows)?;
        }
        Action::Sql => sql(out)?,
    }
    Ok(())
}

/// Prints the migrations as SQL.
///
/// # Errors
/// When `out` is closed.
pub fn sql(out: &mut impl Write) -> io::Result<()> {
    out.write_all(migrate::sql(SHIPPED).as_bytes())
}

fn report(out: &mut impl Write, verb: &str, migrations: &[&Migration]) -> io::Result<()> {
    if migrations.is_empty() {
        return writeln!(out, "nothing to do");
    }
    migrations
        .iter()
        .try_for_each(|migration| writeln!(out, "{verb} {}", migration.name))
}

fn row(line: migrate::Line) -> Row {
    let (state, at) = match line.state {
        State::Applied(at) => ("applied", Some(at)),
        State::Pending => ("pending", None),
        State::Changed(at) => ("changed since it ran", Some(at)),
        State::Ahead(at) => ("of a newer release, accepted", Some(at)),
        State::Unknown(at) => ("unknown to this binary", Some(at)),
    };
    Row {
        version: line.version,
        name: line.name,
        state,
        applied_at: at.and_then(|at| at.format(&Rfc3339).ok()),
    }
}
