//! `sidegate audit`: prints the newest entries of the audit log, and follows it.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::id::id;
use super::operate::{Target, with_tools};
use super::operator::{Failed, instant};
use super::output::{self, Format};
use crate::accounts::{AuditEntry, AuditFilter, Event, Outcome};
use crate::app::Tools;
use crate::clock;

/// The number of entries per query.
const PAGE: u32 = 500;
/// The interval between two queries while following.
const EVERY: Duration = Duration::from_secs(1);
/// The overlap of two queries. An entry has the time at which its request began and becomes visible at its commit, so a
/// new entry can be this much older than one that was printed already.
const LATE: Duration = Duration::from_secs(35);

const COLUMNS: &[&str] = &[
    "at",
    "event",
    "outcome",
    "user",
    "actor",
    "session",
    "client_ip",
    "data",
];

/// Print and follow the audit log.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The installation to work on.
    #[command(flatten)]
    target: Target,
    /// Print a table, or JSON with one object per line.
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    which: Which,
    /// Print the newest N entries, the oldest of them first.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Keep running and print new entries as they arrive.
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Only entries about this account: an id, an email address or a username.
    #[arg(long)]
    user: Option<String>,
    /// Only what this account did: an id, an email address or a username.
    #[arg(long)]
    actor: Option<String>,
    /// Only this event; docs/audit.md lists them.
    #[arg(long, hide_possible_values = true, value_parser = one_of(Event::ALL, Event::as_str))]
    event: Option<Event>,
    /// Only this outcome.
    #[arg(long, value_parser = one_of(&Outcome::ALL, Outcome::as_str))]
    outcome: Option<Outcome>,
    /// Only requests from this client IP.
    #[arg(long)]
    client_ip: Option<IpAddr>,
    /// Only this session, by its id.
    #[arg(long, value_name = "ID", value_parser = id)]
    session: Option<Uuid>,
    /// Only entries from this time on: `2026-01-31T08:00:00Z`, or how long ago: `90s`, `15m`, `24h`, `7d`.
    #[arg(long, value_parser = moment)]
    since: Option<Moment>,
    /// Only entries before this time; the same forms as --since.
    #[arg(long, value_parser = moment)]
    until: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    At(OffsetDateTime),
    Ago(Duration),
}

impl Moment {
    fn seen_from(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(at) => at,
            Self::Ago(duration) => now - duration,
        }
    }
}

/// Reads one of a closed set of values by its name; the error and the completions of shells list the names.
fn one_of<T: Copy + Send + Sync + 'static>(
    accepted: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(accepted.iter().map(|value| name(*value))).map(move |word| {
        let found = accepted.iter().copied().find(|value| name(*value) == word);
        found.expect("clap accepts the listed names only")
    })
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(Moment::At(at));
    }
    let wrong = || "expected a time such as 2026-01-31T08:00:00Z, or how long ago, such as 15m, 24h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    Ok(Moment::Ago(Duration::from_secs(u64::from(count) * seconds)))
}

/// Prints the matching entries, and with `--follow` every new one until the reader of the output goes away.
pub fn run(args: &Args) -> ExitCode {
    with_tools(&args.target, async |tools| work(&tools, args).await)
}

async fn work(tools: &Tools, args: &Args) -> Result<(), Failed> {
    let now = clock::now();
    let which = &args.which;
    let account = async |name: &Option<String>| match name {
        // The id also finds the entries of an account that was removed from the database.
        Some(name) => match name.parse::<Uuid>() {
            Ok(id) => Ok::<_, Failed>(Some(id)),
            Err(_) => Ok(Some(tools.accounts.operator.accounts.lookup(name).await?.id)),
        },
        None => Ok(None),
    };
    let filter = AuditFilter {
        user_id: account(&which.user).await?,
        actor_id: account(&which.actor).await?,
        session_id: which.session,
        address: which.client_ip,
        event: which.event,
        outcome: which.outcome,
        since: which.since.map(|moment| moment.seen_from(now)),
        until: which.until.map(|moment| moment.seen_from(now)),
        before: None,
    };
    let first = newest(tools, filter, Some(args.limit)).await?;
    let mut shown = Shown::default();
    let first = shown.news(first);
    if !print(&first, args.output, true) || !args.follow {
        return Ok(());
    }
    // Entries from before the command are not new, except those whose requests were still running.
    let begun = now - LATE;
    loop {
        tokio::time::sleep(EVERY).await;
        let since = clock::now() - LATE;
        let recent = AuditFilter {
            since: Some(since.max(begun)),
            ..filter
        };
        // A short outage of PostgreSQL must not end the command.
        match newest(tools, recent, None).await {
            Ok(entries) => {
                let entries = shown.news(entries);
                shown.forget_before(since);
                if !print(&entries, args.output, false) {
                    return Ok(());
                }
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "sidegate: {error}; trying again");
            }
        }
    }
}

/// The newest entries, oldest first; all that match if there is no limit.
async fn newest(tools: &Tools, mut filter: AuditFilter, limit: Option<u32>) -> Result<Vec<AuditEntry>, Failed> {
    let mut found = Vec::new();
    loop {
        let have = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let want = limit.map_or(PAGE, |limit| limit.saturating_sub(have).min(PAGE));
        let page = tools.accounts.overview.audit(&filter, want).await?;
        let last = page.len() < want as usize;
        filter.before = page.last().map(|entry| (entry.at, entry.id));
        found.extend(page);
        if last || limit.is_some_and(|limit| found.len() >= limit as usize) {
            found.reverse();
            return Ok(found);
        }
    }
}

/// The ids of printed entries, so that the overlap of two queries is printed once.
#[derive(Debug, Default)]
struct Shown(HashMap<Uuid, OffsetDateTime>);

impl Shown {
    fn news(&mut self, entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
        let is_new = |entry: &AuditEntry| self.0.insert(entry.id, entry.at).is_none();
        entries.into_iter().filter(is_new).collect()
    }

    fn forget_before(&mut self, at: OffsetDateTime) {
        self.0.retain(|_, seen| *seen >= at);
    }
}

/// Prints entries; `false` when standard output is closed.
fn print(entries: &[AuditEntry], format: Format, with_head: bool) -> bool {
    let mut text = Vec::new();
    let rows = entries.iter().map(row).collect::<Vec<_>>();
    if with_head || !rows.is_empty() {
        output::rows(&mut text, format, COLUMNS, &rows).expect("a Vec takes any bytes");
        if !with_head && format == Format::Table {
            let head = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            text.drain(..head);
        }
    }
    let mut out = std::io::stdout();
    out.write_all(&text).and_then(|()| out.flush()).is_ok()
}

fn row(entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "at": instant(Some(entry.at)),
        "event": entry.event.as_str(),
        "outcome": entry.outcome.as_str(),
        "user": entry.user_id,
        "actor": entry.actor_id,
        "session": entry.session_id,
        "client_ip": entry.address,
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "data": entry.data,
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-31 08:00:00 UTC);

    #[test]
    fn a_moment_is_an_instant_or_so_long_ago() {
        let read = |text: &str| moment(text).unwrap().seen_from(NOW);
        assert_eq!(read("2026-01-30T08:00:00Z"), datetime!(2026-01-30 08:00:00 UTC));
        assert_eq!(read("24h"), datetime!(2026-01-30 08:00:00 UTC));
        assert_eq!(read("90s"), datetime!(2026-01-31 07:58:30 UTC));
        for wrong in ["", "h", "-1h", "1w", "yesterday", "2026-01-30", "1.5h", "5ä"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_that_was_committed_late_is_shown_once() {
        let entry = |id: u128, seconds: i64| AuditEntry {
            id: Uuid::from_u128(id),
            at: NOW + time::Duration::seconds(seconds),
            event: Event::LoggedOut,
            outcome: Outcome::Success,
            actor_id: None,
            user_id: None,
            session_id: None,
            address: None,
            user_agent: None,
            request_id: None,
            data: serde_json::Map::new(),
        };
        let mut shown = Shown::default();
        assert_eq!(shown.news(vec![entry(1, 0), entry(3, 20)]).len(), 2);
        assert_eq!(
            shown.news(vec![entry(1, 0), entry(2, 10), entry(3, 20)]),
            [entry(2, 10)]
        );
        shown.forget_before(NOW + time::Duration::seconds(15));
        assert_eq!(shown.0.len(), 1);
    }
}
