//! A connection of its own that is notified, and reads what the notification is about.
//!
//! It has no deadlines: its holder knows how long a reading may take, and drops it when one took longer.

use tokio_postgres::types::{ToSql, Type};

use super::address::Dedicated;
use super::error;
use super::executor::{FromRecord, Record};
use crate::store::sql::Query;
use crate::store::{StoreError, StoreName};

/// The connection. It ends with the value.
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

    /// The rows. The statement is not prepared under a name, which a pooler in between might not know.
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

    /// The row.
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
