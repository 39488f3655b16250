//! The PostgreSQL pool.
//!
//! Nothing here waits without an end: for a free connection `wait`, for a new one `connect_timeout`, for an answer
//! `statement_timeout` (the server's own, and a little more on our side for a server that is frozen or cut off). A
//! connection whose call was cut short is closed, never given to the next caller: its answer would arrive in their
//! place.
//!
//! Behind `PgBouncer` in transaction mode: version 1.21 or later with `max_prepared_statements` above 0, and
//! `ignore_startup_parameters = options` (then set `statement_timeout` on the role). `migrate` needs a direct URL
//! there, because its lock belongs to a server session.

mod address;
mod client;
mod error;
mod executor;
mod listener;
mod transaction;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deadpool_postgres::{ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use tokio::sync::Notify;
use uuid::Uuid;

pub use self::address::BadUrl;
pub(in crate::store) use self::address::Dedicated;
pub use self::client::Client;
pub(in crate::store) use self::error::from_call as call_error;
use self::error::{POSTGRES, count_error};
pub use self::executor::{Executor, FromRecord, Params, Record};
pub(in crate::store) use self::listener::Listener;
pub use self::transaction::{OnUserChanged, Transaction};
use super::{StoreError, sql};
use crate::metrics::Metrics;
use crate::secret::Secret;

/// How long a server may be silent past its own `statement_timeout` before the connection is given up.
const SLACK: Duration = Duration::from_millis(250);

/// Where the servers are, and how long they may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The primary: `postgres://user:password@host/db`, or `postgres:///db?host=/run/postgresql`.
    /// `address.rs` says what `sslmode` means here.
    pub url: Secret,
    /// Connections per server at most.
    pub max: usize,
    /// How long a call may wait for a free connection.
    pub wait: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long connecting may take, TLS and authentication included.
    pub connect_timeout: Duration,
    /// Servers that may answer questions which bear a little delay. A replica that is away is passed over.
    pub replicas: Vec<Secret>,
}

/// The pools: one for the primary, one per replica. Cloning shares them.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    primary: Server,
    replicas: Vec<Server>,
    turn: AtomicUsize,
    on_user_changed: OnceLock<OnUserChanged>,
}

struct Server {
    pool: Pool,
    address: address::Address,
    metrics: Arc<Metrics>,
    wait_for_answer: Duration,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("replicas", &self.0.replicas.len())
            .finish_non_exhaustive()
    }
}

/// Whether a URL can be understood. Connects nowhere.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub fn check_url(url: &Secret) -> Result<(), BadUrl> {
    address::Address::parse(url, Duration::from_secs(1)).map(drop)
}

impl Postgres {
    /// Makes the pools. Connects nowhere: a server that is away is found by the first call, and the calls after it work
    /// as soon as the server does. Only a URL that cannot be understood fails.
    pub fn connect(settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, BadUrl> {
        let replicas = settings
            .replicas
            .iter()
            .map(|url| Server::new(url, settings, metrics))
            .collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Inner {
            primary: Server::new(&settings.url, settings, metrics)?,
            replicas,
            turn: AtomicUsize::new(0),
            on_user_changed: OnceLock::new(),
        })))
    }

    /// Names who keeps copies of accounts and is to be told of changes; once per process.
    pub fn on_user_changed(&self, tell: OnUserChanged) {
        // A second one would be a defect of the composition root; the first stays.
        let _ = self.0.on_user_changed.set(tell);
    }

    /// A connection to the primary, for as long as it is held.
    pub async fn client(&self) -> Result<Client, StoreError> {
        self.0.primary.client("connect").await
    }

    /// Begins a transaction on the primary. Dropped without [`Transaction::commit`], it is rolled back.
    pub async fn transaction(&self, operation: &'static str) -> Result<Transaction, StoreError> {
        let client = self.0.primary.client(operation).await?;
        Transaction::begin(client, operation, self.0.on_user_changed.get().cloned()).await
    }

    /// An executor for questions that bear a replica's delay; without a replica, or when it is unreachable, the primary.
    pub fn reader(&self) -> Reader<'_> {
        Reader(self)
    }

    /// Whether the primary answers: the gauge `store_up`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.fetch(&sql::PING, &[]).await.map(drop)
    }

    /// Sets the gauges of the primary's pool; called before a scrape.
    pub fn record_pool(&self) {
        let Server { pool, metrics, .. } = &self.0.primary;
        let status = pool.status();
        let idle = status.available.min(status.size);
        let connections = &metrics.store_pool_connections;
        connections.with_label_values(&[POSTGRES, "idle"]).set(to_gauge(idle));
        connections
            .with_label_values(&[POSTGRES, "used"])
            .set(to_gauge(status.size - idle));
        metrics
            .store_pool_pending_requests
            .with_label_values(&[POSTGRES])
            .set(to_gauge(status.waiting));
    }

    /// A connection of its own, outside the pool, without `statement_timeout`: for migrations.
    pub(super) async fn dedicated(&self, operation: &'static str) -> Result<Dedicated, StoreError> {
        self.0.primary.address.dedicated(operation).await
    }

    /// A connection of its own, outside the pool, that listens for notifications as `listen` says.
    pub(super) async fn listener(
        &self,
        listen: &'static sql::Query,
        notified: &Arc<Notify>,
    ) -> Result<Listener, StoreError> {
        let primary = &self.0.primary;
        let timeout = primary.wait_for_answer - SLACK;
        let connection = primary.address.listening(listen.name, timeout, Arc::clone(notified));
        Listener::begin(connection.await?, listen).await
    }

    /// Closes the connections nobody holds and refuses new ones.
    pub fn close(&self) {
        self.0.primary.pool.close();
        self.0.replicas.iter().for_each(|replica| replica.pool.close());
    }
}

/// Reads from a replica if there is one; see [`Postgres::reader`].
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a Postgres);

impl Server {
    fn new(url: &Secret, settings: &Settings, metrics: &Arc<Metrics>) -> Result<Self, BadUrl> {
        let address = address::Address::parse(url, settings.connect_timeout)?;
        let manager = address.manager(
            settings.statement_timeout,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(settings.max)
            .wait_timeout(Some(settings.wait))
            .create_timeout(Some(settings.connect_timeout))
            .recycle_timeout(Some(settings.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is named, which is all that can be missing");
        metrics
            .store_pool_max_connections
            .with_label_values(&[POSTGRES])
            .set(to_gauge(settings.max));
        Ok(Self {
            pool,
            address,
            metrics: Arc::clone(metrics),
            wait_for_answer: settings.statement_timeout + SLACK,
        })
    }

    async fn client(&self, operation: &'static str) -> Result<Client, StoreError> {
        let started = Instant::now();
        let object = self.pool.get().await;
        self.metrics
            .store_pool_wait
            .with_label_values(&[POSTGRES])
            .observe(started.elapsed().as_secs_f64());
        match object {
            Ok(object) => Ok(Client::new(
                object,
                self.pool.clone(),
                self.wait_for_answer,
                Arc::clone(&self.metrics),
            )),
            Err(error) => {
                if matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
                    self.metrics.store_pool_timeouts.with_label_values(&[POSTGRES]).inc();
                }
                let error = error::from_pool(operation, error);
                count_error(&self.metrics, operation, &error);
                Err(error)
            }
        }
    }
}

fn to_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Executor for Postgres {
    async fn fetch(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        let client = self.0.primary.client(query.name).await?;
        client.fetch(query, params).await
    }

    async fn execute(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<u64, StoreError> {
        let client = self.0.primary.client(query.name).await?;
        client.execute(query, params).await
    }

    async fn user_changed(&self, id: Uuid) {
        if let Some(tell) = self.0.on_user_changed.get() {
            tell(vec![id]).await;
        }
    }
}

impl Executor for Reader<'_> {
    async fn fetch(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<Vec<Record>, StoreError> {
        let inner = &self.0.0;
        if !inner.replicas.is_empty() {
            let turn = inner.turn.fetch_add(1, Ordering::Relaxed) % inner.replicas.len();
            let answer = match inner.replicas[turn].client(query.name).await {
                Ok(client) => client.fetch(query, params).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) if error.is_outage() => {
                    tracing::warn!(operation = query.name, replica = turn, %error, "a replica is away; asking the primary");
                }
                answer => return answer,
            }
        }
        self.0.fetch(query, params).await
    }

    async fn execute(&self, query: &'static sql::Query, params: &Params<'_>) -> Result<u64, StoreError> {
        self.0.execute(query, params).await
    }
}
