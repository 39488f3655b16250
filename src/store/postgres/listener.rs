//! A connection that receives notifications (`LISTEN`) and queries the data they are about.
//!
//! It has no timeouts: the caller sets them, and drops the connection if a query took too long.

use tokio_postgres::types::{ToSql, Type};

use super::address::Dedicated;
use super::error;
use super::executor::{FromRecord, Record};
use crate::store::sql::Query;
use crate::store::{StoreError, StoreName};

/// The connection. Dropping it closes it.
pub(in crate::store) struct Listener(Dedicated);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Listener {
    pub(super) async fn begin(connection: Dedicated, listen: &'static Query) -> Result<Self, StoreError> {
        connection
            .client
            .batch_execute(listen.text)
            .await
            .map_err(|error| error::from_call(listen.name, &error))?;
        Ok(Self(connection))
    }

    /// Returns the rows. The statement is not a named one, which a pooler might not know.
    pub(in crate::store) async fn many<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.0.client.query_typed(query.text, params).await;
        let rows = rows.map_err(|error| error::from_call(query.name, &error))?;
        rows.into_iter()
            .map(|row| T::from_record(&Record::new(row, query.name)))
            .collect()
    }

    /// Returns the row.
    pub(in crate::store) async fn one<T: FromRecord>(
        &self,
        query: &'static Query,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<T, StoreError> {
        let rows = self.many(query, params).await?;
        rows.into_iter().next().ok_or_else(|| StoreError::Data {
            store: StoreName::Postgres,
            operation: query.name,
            cause: "no row came back".to_owned(),
        })
    }
}
