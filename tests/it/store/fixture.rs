//! A database per test, and the store on it.

use std::sync::Arc;
use std::time::Duration;

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::postgres::{Postgres, Settings};
use sidegate::store::users::{NewUser, User};
use sidegate::store::{id, migrate, users};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::support;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

/// A database that is dropped with the test, and the store on it.
pub(crate) struct Database {
    pub(crate) postgres: Postgres,
    /// A connection for statements that are not queries of the program.
    pub(crate) raw: tokio_postgres::Client,
    inner: support::Database,
}

impl Database {
    /// An empty database.
    pub(crate) async fn empty() -> Self {
        let inner = support::Database::empty().await;
        let raw = inner.connect().await;
        let postgres = Postgres::connect(&settings(&inner.url()), &Arc::new(Metrics::new())).unwrap();
        Self { postgres, raw, inner }
    }

    /// A database with the current schema.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate::up(&database.postgres, migrate::SHIPPED, Duration::from_secs(10), NOW)
            .await
            .unwrap();
        database
    }

    /// Settings of another pool on it.
    pub(crate) fn settings(&self) -> Settings {
        settings(&self.inner.url())
    }

    pub(crate) async fn user(&self, email: &str) -> User {
        users::create(&self.postgres, &new_user(email), NOW).await.unwrap()
    }
}

pub(crate) fn new_user(email: &str) -> NewUser<'_> {
    static NOTHING: std::sync::LazyLock<serde_json::Map<String, serde_json::Value>> =
        std::sync::LazyLock::new(serde_json::Map::new);
    NewUser {
        id: id::new(NOW),
        email,
        username: None,
        password_hash: Some("$2b$12$hash"),
        roles: &[],
        permissions: &[],
        profile: &NOTHING,
        email_verified_at: None,
    }
}

/// Short timeouts, so that tests of timeouts are short.
fn settings(url: &str) -> Settings {
    Settings {
        url: Secret::new(url),
        max: 4,
        wait: Duration::from_millis(500),
        statement_timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(3),
        replicas: Vec::new(),
    }
}
