//! A connection of the pool, and the timeout of each of its calls.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool};
use prometheus::IntGauge;
use tokio_postgres::Row;

use super::error::{self, POSTGRES, count_error};
use super::executor::{Executor, Params, Record};
use crate::metrics::Metrics;
use crate::store::sql::Query;
use crate::store::{StoreError, StoreName};

/// A connection. Dropping it returns it to the pool, unless a call was cancelled: then the server may still be
/// executing it, and the next caller would wait for it or read its response. Such a connection is closed.
pub struct Client {
    object: Option<Object>,
    pool: Pool,
    deadline: Duration,
    in_flight: AtomicUsize,
    failed: AtomicBool,
    in_transaction: bool,
    /// The gauge `store_up` of the server.
    up: IntGauge,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("in_transaction", &self.in_transaction)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(object: Object, pool: Pool, deadline: Duration, up: IntGauge, metrics: Arc<Metrics>) -> Self {
        Self {
            object: Some(object),
            pool,
            deadline,
            in_flight: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            in_transaction: false,
            up,
            metrics,
        }
    }

    pub(super) fn set_in_transaction(&mut self, yes: bool) {
        self.in_transaction = yes;
        self.failed = AtomicBool::new(false);
    }

    /// Whether a statement has failed in the current transaction.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether a call was cancelled.
    pub(super) fn is_interrupted(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Closes the connection instead of returning it.
    pub(super) fn discard(mut self) {
        self.object.take().map(Object::take);
    }

    /// Runs a statement without parameters and rows (`BEGIN`).
    pub(super) async fn command(&self, query: &'static Query) -> Result<(), StoreError> {
        self.bounded(query.name, self.object().batch_execute(query.text))
            .await?
            .map_err(|error| self.failed(query.name, error::from_call(query.name, &error)))
    }

    fn object(&self) -> &Object {
        self.object
            .as_ref()
            .expect("present until the client is dropped or discarded")
    }

    async fn rows(&self, query: &'static Query, params: &Params<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.object().prepare_cached(query.text).await?;
        self.object().query(&statement, params).await
    }

    async fn count(&self, query: &'static Query, params: &Params<'_>) -> Result<u64, tokio_postgres::Error> {
        let statement = self.object().prepare_cached(query.text).await?;
        self.object().execute(&statement, params).await
    }

    /// Runs a call with the timeout. `in_flight` is decremented only if the call has completed.
    async fn bounded<T>(&self, operation: &'static str, call: impl Future<Output = T>) -> Result<T, StoreError> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let answer = tokio::time::timeout(self.deadline, call).await;
        let took = started.elapsed().as_secs_f64();
        self.metrics
            .store_operation_duration
            .with_label_values(&[POSTGRES, operation])
            .observe(took);
        if let Ok(answer) = answer {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.up.set(1);
            return Ok(answer);
        }
        Err(self.failed(
            operation,
            StoreError::Timeout {
                store: StoreName::Postgres,
                operation,
            },
        ))
    }

    /// Records a failure: the current transaction cannot be committed any more.
    fn failed(&self, operation: &'static str, error: StoreError) -> StoreError {
        self.failed.store(true, Ordering::Relaxed);
        count_error(&self.metrics, &self.up, operation, &error);
        error
    }

    /// The error of a failed call; `None` if it should be tried once more.
    fn judge(&self, operation: &'static str, error: &tokio_postgres::Error, again: bool) -> Option<StoreError> {
        if error::is_stale_statement(error) {
            self.pool.manager().statement_caches.clear();
            self.object().statement_cache.clear();
            // In a transaction the server refuses everything after an error, so the caller has to start it again.
            if again && !self.in_transaction {
                return None;
            }
        }
        Some(self.failed(operation, error::from_call(operation, error)))
    }
}

impl Executor for Client {
    async fn fetch(&self, query: &'static Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        let mut answer = self.bounded(query.name, self.rows(query, params)).await?;
        if let Err(error) = &answer {
            match self.judge(query.name, error, true) {
                Some(error) => return Err(error),
                None => answer = self.bounded(query.name, self.rows(query, params)).await?,
            }
        }
        match answer {
            Ok(rows) => Ok(rows.into_iter().map(|row| Record::new(row, query.name)).collect()),
            Err(error) => Err(self.judge(query.name, &error, false).expect("judged for the last time")),
        }
    }

    async fn execute(&self, query: &'static Query, params: &Params<'_>) -> Result<u64, StoreError> {
        let mut answer = self.bounded(query.name, self.count(query, params)).await?;
        if let Err(error) = &answer {
            match self.judge(query.name, error, true) {
                Some(error) => return Err(error),
                None => answer = self.bounded(query.name, self.count(query, params)).await?,
            }
        }
        answer.map_err(|error| self.judge(query.name, &error, false).expect("judged for the last time"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.is_interrupted() {
            self.object.take().map(Object::take);
        }
    }
}
