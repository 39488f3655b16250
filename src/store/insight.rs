//! What PostgreSQL knows of itself, for an operator who asks.

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableSize {
    /// Which.
    pub table: String,
    /// Rows, as of the last ANALYZE.
    pub estimated_rows: i64,
    /// Bytes of the rows.
    pub table_bytes: i64,
    /// Bytes of the indexes.
    pub index_bytes: i64,
    /// Rows that wait for VACUUM.
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
    /// What it calls itself.
    pub application: String,
    /// `active`, `idle`, `idle in transaction` …
    pub state: String,
    /// How many.
    pub connections: i64,
    /// How long the longest of them has been in that state.
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

/// Who is connected to this database.
pub async fn connections(db: &impl Executor) -> Result<Vec<Connections>, StoreError> {
    db.many(&sql::DB_CONNECTIONS, &[]).await
}

/// How often an index was used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IndexUsage {
    /// Of which table.
    pub table: String,
    /// Which.
    pub index: String,
    /// Scans since the statistics began.
    pub scans: i64,
    /// Its size.
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
