//! What PostgreSQL tells about itself: sizes, connections and index usage, for `sidegate db`, and the settings that decide
//! what survives a crash.

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// The size of a table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableSize {
    /// The name of the table.
    pub table: String,
    /// Rows, as of the last ANALYZE.
    pub estimated_rows: i64,
    /// Bytes of the rows.
    pub table_bytes: i64,
    /// Bytes of the indexes.
    pub index_bytes: i64,
    /// Dead rows, which VACUUM has not removed yet.
    pub dead_rows: i64,
}

impl FromRecord for TableSize {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            table: record.get("table_name")?,
            estimated_rows: record.get("estimated_rows")?,
            table_bytes: record.get("table_bytes")?,
            index_bytes: record.get("index_bytes")?,
            dead_rows: record.get("dead_rows")?,
        })
    }
}

/// The tables, the largest first.
pub async fn table_sizes(db: &impl Executor) -> Result<Vec<TableSize>, StoreError> {
    db.many(&sql::DB_TABLE_SIZES, &[]).await
}

/// Connections of one application in one state.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Connections {
    /// Its `application_name`.
    pub application: String,
    /// `active`, `idle`, `idle in transaction` …
    pub state: String,
    /// The number of connections.
    pub connections: i64,
    /// The longest time that one of them has been in that state, in seconds.
    pub longest_seconds: f64,
}

impl FromRecord for Connections {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            application: record.get("application")?,
            state: record.get("state")?,
            connections: record.get("connections")?,
            longest_seconds: record.get("longest_seconds")?,
        })
    }
}

/// The connections to this database.
pub async fn connections(db: &impl Executor) -> Result<Vec<Connections>, StoreError> {
    db.many(&sql::DB_CONNECTIONS, &[]).await
}

/// How often an index is used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IndexUsage {
    /// The table of the index.
    pub table: String,
    /// The name of the index.
    pub index: String,
    /// The number of scans since the statistics were reset.
    pub scans: i64,
    /// Its size in bytes.
    pub index_bytes: i64,
}

impl FromRecord for IndexUsage {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            table: record.get("table_name")?,
            index: record.get("index_name")?,
            scans: record.get("scans")?,
            index_bytes: record.get("index_bytes")?,
        })
    }
}

/// The indexes, the least used first.
pub async fn index_usage(db: &impl Executor) -> Result<Vec<IndexUsage>, StoreError> {
    db.many(&sql::DB_INDEX_USAGE, &[]).await
}

/// The settings that decide whether a committed transaction survives a crash of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    synchronous_commit: String,
    fsync: String,
    full_page_writes: String,
}

impl FromRecord for Durability {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            synchronous_commit: record.get("synchronous_commit")?,
            fsync: record.get("fsync")?,
            full_page_writes: record.get("full_page_writes")?,
        })
    }
}

impl Durability {
    /// The settings that are off, by which a crash can lose a committed transaction or damage the database.
    pub fn risks(&self) -> Vec<&'static str> {
        let settings = [
            ("synchronous_commit", &self.synchronous_commit),
            ("fsync", &self.fsync),
            ("full_page_writes", &self.full_page_writes),
        ];
        let off = settings.into_iter().filter(|(_, value)| *value == "off");
        off.map(|(name, _)| name).collect()
    }
}

/// The settings of the primary for this program's connections.
pub async fn durability(db: &impl Executor) -> Result<Durability, StoreError> {
    db.one(&sql::DB_DURABILITY, &[]).await
}
