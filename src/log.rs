//! The log of the process: one subscriber, which is set on start.
//!
//! Text for a terminal, JSON for a log collector. Secrets are kept out where lines are written (`proxy/access_log`,
//! `secret`); this module limits the libraries, some of which would print raw requests.

mod lines;
mod once_per_second;

use std::{io::IsTerminal as _, time::Duration};

use prometheus::IntCounter;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::lines::Lines;
pub use self::once_per_second::OncePerSecond;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Text.
    Text,
}

/// How long the end of the process waits for the log to be written.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

/// The log, to be flushed before the process ends.
#[derive(Debug, Clone, Default)]
pub struct Log(Option<Lines>);

impl Log {
    /// Waits until every line is written, for half a second at most.
    pub fn flush(&self) {
        if let Some(lines) = &self.0 {
            lines.flush(FLUSH_WITHIN);
        }
    }
}

/// The levels of libraries that print secrets: Pingora prints up to 2 KiB of a malformed request, `Authorization`
/// included, at `error`; tokio-postgres and h2 print parameters and frames at `debug`.
const QUIET: [&str; 6] = [
    "pingora_core=off",
    "pingora_proxy=off",
    "pingora_load_balancing=off",
    "tokio_postgres=warn",
    "h2=warn",
    "hyper=warn",
];

/// Starts the log. `level` applies to Sidegate's own code: `error`, `warn`, `info`, `debug` or `trace`; `dropped` counts
/// the lines that nobody read in time.
///
/// # Errors
/// When the system refuses the thread that writes.
pub fn start(format: Format, level: &str, dropped: &IntCounter) -> std::io::Result<Log> {
    let directives = std::iter::once(level).chain(QUIET).collect::<Vec<_>>().join(",");
    let registry = tracing_subscriber::registry().with(EnvFilter::new(directives));
    let lines = Lines::start(std::io::stderr(), dropped.clone())?;
    let writer = lines.clone();
    // A second start in one process (tests, `dev`) keeps the first.
    let _ = match format {
        Format::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer))
            .try_init(),
        Format::Text => registry
            .with(
                fmt::layer()
                    .with_target(false)
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_writer(writer),
            )
            .try_init(),
    };
    Ok(Log(Some(lines)))
}
