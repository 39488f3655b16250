//! The operations that repositories need, implemented by a client, a transaction and the pool.

use std::future::Future;

use tokio_postgres::types::{FromSql, ToSql};
use uuid::Uuid;

use crate::store::sql::Query;
use crate::store::{StoreError, StoreName};

/// The values of a query's parameters, in order.
pub type Params<'a> = [&'a (dyn ToSql + Sync)];

/// Runs queries. The functions of `users`, `sessions` and the others take an executor, so that they work alone or in a
/// transaction.
pub trait Executor: Sync {
    /// Returns the rows.
    fn fetch(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// Runs a statement and returns the number of affected rows.
    fn execute(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Returns the rows as `T`, for queries with `:many`.
    fn many<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send {
        async move { self.fetch(query, params).await?.iter().map(T::from_record).collect() }
    }

    /// Returns the row if there is one, for queries with `:one?`.
    fn optional<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send {
        async move { self.fetch(query, params).await?.first().map(T::from_record).transpose() }
    }

    /// Returns the row, for queries with `:one`.
    fn one<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        async move {
            let rows = self.fetch(query, params).await?;
            let row = rows.first().ok_or_else(|| data(query.name, "no row came back"))?;
            T::from_record(row)
        }
    }

    /// Records that an account changed, so that cached copies are dropped as soon as the change is committed. Every
    /// function that changes a cached column calls this, so that no endpoint can forget it.
    fn user_changed(&self, _id: Uuid) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Runs a statement and returns whether it affected a row.
    fn touched(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        async move { Ok(self.execute(query, params).await? > 0) }
    }
}

/// A struct that is read from a row.
pub trait FromRecord: Sized {
    /// Reads the struct; a column with another type or name is [`StoreError::Data`].
    fn from_record(record: &Record) -> Result<Self, StoreError>;
}

/// A row, with its query for error messages.
#[derive(Debug)]
pub struct Record {
    row: tokio_postgres::Row,
    operation: &'static str,
}

impl Record {
    pub(super) const fn new(row: tokio_postgres::Row, operation: &'static str) -> Self {
        Self { row, operation }
    }

    /// The value of a column.
    pub(in crate::store) fn get<'a, T: FromSql<'a>>(&'a self, column: &'static str) -> Result<T, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| data(self.operation, format!("column {column}: {error}")))
    }

    /// The value of a JSON column.
    pub(in crate::store) fn json<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: serde::de::DeserializeOwned + std::fmt::Debug,
    {
        self.get::<tokio_postgres::types::Json<T>>(column).map(|json| json.0)
    }

    /// The value of a column with a SHA-256.
    pub(in crate::store) fn sha256(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        <[u8; 32]>::try_from(self.get::<&[u8]>(column)?)
            .map_err(|_| data(self.operation, format!("column {column}: not 32 bytes")))
    }

    /// The value of a column with one name of a closed list.
    pub(in crate::store) fn named<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let name: &str = self.get(column)?;
        parse(name).ok_or_else(|| data(self.operation, format!("column {column}: unknown name {name:?}")))
    }
}

impl Record {
    /// Like [`Self::named`], for a nullable column.
    pub(in crate::store) fn optional_named<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(name) = self.get::<Option<&str>>(column)? else {
            return Ok(None);
        };
        let unknown = || data(self.operation, format!("column {column}: unknown name {name:?}"));
        parse(name).map(Some).ok_or_else(unknown)
    }
}

fn data(operation: &'static str, cause: impl Into<String>) -> StoreError {
    StoreError::Data {
        store: StoreName::Postgres,
        operation,
        cause: cause.into(),
    }
}
