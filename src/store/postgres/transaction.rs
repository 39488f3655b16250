//! Transactions and savepoints.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use uuid::Uuid;

use super::client::Client;
use super::executor::{Executor, Params, Record};
use crate::store::sql::{self, Query};
use crate::store::{StoreError, StoreName};

/// The cache that drops its copies of changed accounts after the commit.
pub type OnUserChanged = Arc<dyn Fn(Vec<Uuid>) -> BoxFuture<'static, ()> + Send + Sync>;

/// A transaction on the primary. If a function returns without [`commit`](Self::commit) (by an early `?`, a panic, or
/// because the client disconnected), it is rolled back.
pub struct Transaction {
    client: Option<Client>,
    operation: &'static str,
    on_user_changed: Option<OnUserChanged>,
    changed: Mutex<Vec<Uuid>>,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl Transaction {
    pub(super) async fn begin(
        mut client: Client,
        operation: &'static str,
        on_user_changed: Option<OnUserChanged>,
    ) -> Result<Self, StoreError> {
        client.command(&sql::TRANSACTION_BEGIN).await?;
        client.set_in_transaction(true);
        Ok(Self {
            client: Some(client),
            operation,
            on_user_changed,
            changed: Mutex::default(),
        })
    }

    /// Commits. On [`StoreError::Timeout`] it is unknown whether it was committed.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        // After a failed statement the server answers COMMIT with a rollback and without an error: the caller would
        // rely on rows that do not exist.
        if self.client().has_failed() {
            return Err(StoreError::Data {
                store: StoreName::Postgres,
                operation: self.operation,
                cause: "commit after a statement that failed".to_owned(),
            });
        }
        let client = self.client.take().expect("held until here");
        let outcome = client.command(&sql::TRANSACTION_COMMIT).await;
        let outcome = match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                client.discard();
                Err(named(error, self.operation))
            }
        };
        // Also if the outcome is unknown: a copy dropped by mistake is read again, a copy kept by mistake is wrong.
        let changed = std::mem::take(self.changed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(tell) = self.on_user_changed.take().filter(|_| !changed.is_empty()) {
            tell(changed).await;
        }
        outcome
    }

    /// Rolls back, and waits for the server's confirmation.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        roll_back(self.client.take().expect("held until here")).await
    }

    /// Sets a savepoint, for [`release`](Self::release) or [`rollback_to`](Self::rollback_to); one at a time.
    pub async fn savepoint(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_SET).await
    }

    /// Releases the savepoint: its changes are part of the transaction.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_RELEASE).await
    }

    /// Rolls back to the savepoint. Not after a failed statement, which aborts the transaction.
    pub async fn rollback_to(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_ROLLBACK_TO).await
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("held until commit or rollback")
    }
}

impl Executor for Transaction {
    async fn fetch(&self, query: &'static Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        self.client().fetch(query, params).await
    }

    async fn execute(&self, query: &'static Query, params: &Params<'_>) -> Result<u64, StoreError> {
        self.client().execute(query, params).await
    }

    async fn user_changed(&self, id: Uuid) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if !changed.contains(&id) {
            changed.push(id);
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        match tokio::runtime::Handle::try_current() {
            // A refusal is common (the email address is taken), so the connection is kept.
            Ok(runtime) if !client.is_interrupted() => {
                runtime.spawn(async move { roll_back(client).await });
            }
            _ => client.discard(),
        }
    }
}

async fn roll_back(client: Client) -> Result<(), StoreError> {
    let done = client.command(&sql::TRANSACTION_ROLLBACK).await;
    if done.is_err() {
        client.discard();
    }
    done
}

/// Labels errors with the caller's name for the transaction, which is more useful than "commit".
fn named(error: StoreError, operation: &'static str) -> StoreError {
    match error {
        StoreError::Timeout { store, .. } => StoreError::Timeout { store, operation },
        StoreError::Unavailable { store, cause, .. } => StoreError::Unavailable {
            store,
            operation,
            cause,
        },
        other => other,
    }
}
