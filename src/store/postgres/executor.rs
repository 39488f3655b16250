//! What a repository needs of a connection, be it a client, a transaction or the pool itself.

use std::future::Future;

use tokio_postgres::types::{FromSql, ToSql};
use uuid::Uuid;

use crate::store::sql::Query;
use crate::store::{StoreError, StoreName};

/// The values of a query's parameters, in order.
pub type Params<'a> = [&'a (dyn ToSql + Sync)];

/// Runs a query. The functions of `users`, `sessions` and the others take one, so that each works alone or as a part of
/// a transaction.
pub trait Executor: Sync {
    /// The rows.
    fn fetch(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;

    /// The number of rows touched.
    fn execute(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The rows as `T`: `:many`.
    fn many<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send {
        async move { self.fetch(query, params).await?.iter().map(T::from_record).collect() }
    }

    /// The row, if there is one: `:one?`.
    fn optional<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send {
        async move { self.fetch(query, params).await?.first().map(T::from_record).transpose() }
    }

    /// The row: `:one`.
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

    /// Notes that an account changed: those who keep copies of accounts are told as soon as it is true, which in a
    /// transaction is after its commit. Every function that changes what is copied calls this, so that no endpoint can
    /// forget to.
    fn user_changed(&self, _id: Uuid) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Whether the statement touched a row.
    fn touched(
        &self,
        query: &'static Query,
        params: &Params<'_>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        async move { Ok(self.execute(query, params).await? > 0) }
    }
}

/// A struct that is read out of a row.
pub trait FromRecord: Sized {
    /// Reads it; a column of another type or name is [`StoreError::Data`].
    fn from_record(record: &Record) -> Result<Self, StoreError>;
}

/// One row of an answer, which knows the question for its errors.
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

    /// The value of a column that holds JSON.
    pub(in crate::store) fn json<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: serde::de::DeserializeOwned + std::fmt::Debug,
    {
        self.get::<tokio_postgres::types::Json<T>>(column).map(|json| json.0)
    }

    /// The value of a column that holds a SHA-256.
    pub(in crate::store) fn sha256(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        <[u8; 32]>::try_from(self.get::<&[u8]>(column)?)
            .map_err(|_| data(self.operation, format!("column {column}: not 32 bytes")))
    }

    /// The value of a column that holds one word of a closed list.
    pub(in crate::store) fn word<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word: &str = self.get(column)?;
        parse(word).ok_or_else(|| data(self.operation, format!("column {column}: unknown word {word:?}")))
    }
}

impl Record {
    /// The same, where it may be null.
    pub(in crate::store) fn optional_word<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(word) = self.get::<Option<&str>>(column)? else {
            return Ok(None);
        };
        let unknown = || data(self.operation, format!("column {column}: unknown word {word:?}"));
        parse(word).map(Some).ok_or_else(unknown)
    }
}

fn data(operation: &'static str, cause: impl Into<String>) -> StoreError {
    StoreError::Data {
        store: StoreName::Postgres,
        operation,
        cause: cause.into(),
    }
}
