//! The outbox: the table `revocations`, written in the transaction of the change and read by every issuer.
//!
//! Rows become visible in the order of commits, not of ids. Each reading therefore starts at the oldest transaction
//! that was still running during the previous one, and a row can be read more than once.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type};

use super::entry::{Recorded, Revocation};
use super::wire;
use crate::store::postgres::{Executor, FromRecord, Listener, Postgres, Record, Transaction};
use crate::store::{StoreError, StoreName, sql};

/// The tolerated difference of the instances' clocks: no row is skipped while its tokens are valid.
pub const CLOCKS_APART: Duration = Duration::from_secs(60);
/// The number of rows per statement.
const PAGE: i64 = 10_000;
/// The timeout of connecting and of a statement. Less than `max_lag`, so that a heartbeat without PostgreSQL is still
/// in time.
const DEADLINE: Duration = Duration::from_millis(700);

/// Records revocations in the transaction of the change that caused them, and returns what can be published after the
/// commit.
pub async fn insert(
    tx: &Transaction,
    revocations: Vec<Revocation>,
    now: OffsetDateTime,
) -> Result<Vec<Recorded>, StoreError> {
    if revocations.is_empty() {
        return Ok(Vec::new());
    }
    let subjects = || revocations.iter().map(|revocation| &revocation.subject);
    let kinds: Vec<&str> = subjects().map(wire::kind).collect();
    let ids: Vec<&str> = subjects().map(wire::id).collect();
    let versions: Vec<Option<i32>> = subjects()
        .map(|subject| wire::version(subject).and_then(|version| version.try_into().ok()))
        .collect();
    let expires: Vec<OffsetDateTime> = revocations.iter().map(|revocation| revocation.expires_at).collect();
    let rows: Vec<Id> = tx
        .many(&sql::REVOCATION_INSERT, &[&kinds, &ids, &versions, &now, &expires])
        .await?;
    let recorded = rows.into_iter().zip(revocations);
    Ok(recorded
        .map(|(Id(id), revocation)| Recorded { id, revocation })
        .collect())
}

/// Reads the outbox, on a connection of its own, so that it works even if sign-ins exhaust the pool.
#[derive(Debug)]
pub struct Outbox {
    postgres: Postgres,
    issuer: String,
    listener: Option<Listener>,
    /// Rows of older transactions were read.
    position: i64,
}

/// The result of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The rows, some of which may have been read before.
    pub rows: Vec<Recorded>,
    /// Whether these are all rows, and not only new ones.
    pub whole: bool,
    /// The position: rows of older transactions are among these or were read before.
    pub position: i64,
}

impl Outbox {
    /// Does not connect. `issuer` is the `iss` of the users in it.
    pub fn new(postgres: &Postgres, issuer: &str) -> Self {
        Self {
            postgres: postgres.clone(),
            issuer: issuer.to_owned(),
            listener: None,
            position: 0,
        }
    }

    /// Reads what was recorded since the last reading, or everything. Connects if there is no connection.
    ///
    /// From then on `woken` is notified when a revocation is recorded, and when the connection closes. Behind a pooler
    /// that does not forward notifications, revocations are found by the next reading.
    pub async fn read(&mut self, whole: bool, woken: &Arc<Notify>, now: OffsetDateTime) -> Result<Read, StoreError> {
        let outcome = self.read_now(whole, woken, now).await;
        if outcome.is_err() {
            // A connection whose call was cancelled would return the response of that call to the next one.
            self.listener = None;
        }
        outcome
    }

    async fn read_now(&mut self, whole: bool, woken: &Arc<Notify>, now: OffsetDateTime) -> Result<Read, StoreError> {
        let is_new = self.listener.is_none();
        let listener = match &mut self.listener {
            Some(listener) => listener,
            none => none.insert(in_time(self.postgres.listener(&sql::REVOCATION_LISTEN, woken)).await?),
        };
        let Position(position) = in_time(listener.one(&sql::REVOCATION_POSITION, &[])).await?;
        // Another server, or a restored one, has other transaction ids.
        let whole = whole || is_new || position < self.position;
        let alive_at = now - CLOCKS_APART;
        let (mut xact, mut id) = (if whole { 0 } else { self.position }, 0_i64);
        let mut rows = Vec::new();
        loop {
            let page = [
                (&xact as &(dyn ToSql + Sync), Type::INT8),
                (&id, Type::INT8),
                (&alive_at, Type::TIMESTAMPTZ),
                (&PAGE, Type::INT8),
            ];
            let page: Vec<Row> = in_time(listener.many(&sql::REVOCATION_LIST_SINCE, &page)).await?;
            let is_last = i64::try_from(page.len()).is_ok_and(|rows| rows < PAGE);
            if let Some(last) = page.last() {
                (xact, id) = (last.xact, last.id);
            }
            rows.extend(page.into_iter().filter_map(|row| row.recorded(&self.issuer)));
            if is_last {
                break;
            }
        }
        self.position = position;
        Ok(Read { rows, whole, position })
    }

    /// Rows of older transactions were read.
    pub const fn position(&self) -> i64 {
        self.position
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(DEADLINE, call)
        .await
        .unwrap_or(Err(StoreError::Timeout {
            store: StoreName::Postgres,
            operation: sql::REVOCATION_LIST_SINCE.name,
        }))
}

struct Id(i64);

impl FromRecord for Id {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("id").map(Self)
    }
}

struct Position(i64);

impl FromRecord for Position {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("position").map(Self)
    }
}

struct Row {
    xact: i64,
    id: i64,
    kind: String,
    subject: String,
    version: Option<i32>,
    expires_at: OffsetDateTime,
}

impl FromRecord for Row {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            xact: record.get("xact")?,
            id: record.get("id")?,
            kind: record.get("kind")?,
            subject: record.get("subject")?,
            version: record.get("token_version")?,
            expires_at: record.get("expires_at")?,
        })
    }
}

impl Row {
    /// `None` for an entry of a newer release, which this one does not know.
    fn recorded(self, issuer: &str) -> Option<Recorded> {
        let version = self.version.and_then(|version| version.try_into().ok());
        let subject = wire::subject(&self.kind, self.subject, version, Some(issuer.to_owned()))?;
        Some(Recorded {
            id: self.id,
            revocation: Revocation {
                subject,
                expires_at: self.expires_at,
            },
        })
    }
}
