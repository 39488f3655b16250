//! A transaction: all of it, or nothing.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use uuid::Uuid;

use super::client::Client;
use super::executor::{Executor, Params, Record};
use crate::store::sql::{self, Query};
use crate::store::{StoreError, StoreName};

/// Is told which accounts changed, once that is true.
pub type OnUserChanged = Arc<dyn Fn(Vec<Uuid>) -> BoxFuture<'static, ()> + Send + Sync>;

/// A transaction on the primary. Whatever way its function is left (an early `?`, a panic, a client that hung up),
/// without [`commit`](Self::commit) nothing of it remains.
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

    /// Makes it true. On [`StoreError::Timeout`] it is unknown whether it became true.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        // After a failed statement the server answers COMMIT with a rollback and no error: a caller that went on would
        // believe in rows that do not exist.
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
        // Also when the outcome is unknown: a copy dropped in vain is read once more, a copy kept in error is wrong.
        let changed = std::mem::take(self.changed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(tell) = self.on_user_changed.take().filter(|_| !changed.is_empty()) {
            tell(changed).await;
        }
        outcome
    }

    /// Forgets it, and waits until that is so.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        roll_back(self.client.take().expect("held until here")).await
    }

    /// Remembers how far it has come, for [`keep`](Self::keep) or [`undo`](Self::undo); one point at a time.
    pub async fn mark(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_SET).await
    }

    /// Keeps what was done since the mark.
    pub async fn keep(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_KEEP).await
    }

    /// Takes back what was done since the mark. Not after a statement that failed: that ends the transaction.
    pub async fn undo(&self) -> Result<(), StoreError> {
        self.client().command(&sql::SAVEPOINT_UNDO).await
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
            // A refusal is ordinary (a taken address): the connection is worth keeping.
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

/// Tells the caller's name for the transaction, which says more than "commit".
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
