//! A database per test, on the server of `SIDEGATE_TEST_DATABASE_URL`.

use std::sync::Arc;
use std::time::Duration;

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::postgres::{Postgres, Settings};
use sidegate::store::users::{NewUser, User};
use sidegate::store::{id, migrate, users};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio_postgres::NoTls;
use uuid::Uuid;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

/// A database that goes away with the test.
pub(crate) struct Database {
    pub(crate) postgres: Postgres,
    /// For what no query of the program does.
    pub(crate) raw: tokio_postgres::Client,
    pub(crate) config: tokio_postgres::Config,
    name: String,
}

impl Database {
    /// Nothing in it.
    pub(crate) async fn empty() -> Self {
        let server = server();
        let name = format!("sidegate_store_{}", Uuid::new_v4().simple());
        connect(&server)
            .await
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        let mut config = server.clone();
        config.dbname(&name);
        let raw = connect(&config).await;
        let postgres = Postgres::connect(&settings(&config), &Arc::new(Metrics::new())).unwrap();
        Self {
            postgres,
            raw,
            config,
            name,
        }
    }

    /// The schema of today in it.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate::up(&database.postgres, migrate::SHIPPED, Duration::from_secs(10), NOW)
            .await
            .unwrap();
        database
    }

    pub(crate) async fn user(&self, email: &str) -> User {
        users::create(&self.postgres, &new_user(email), NOW).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = connect(&server()).await;
                server
                    .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                    .await
                    .unwrap();
            });
        })
        .join()
        .unwrap();
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

/// Short limits, so that a test of a limit is a short test.
pub(crate) fn settings(config: &tokio_postgres::Config) -> Settings {
    Settings {
        url: Secret::new(url(config)),
        max: 4,
        wait: Duration::from_millis(500),
        statement_timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(3),
        replicas: Vec::new(),
    }
}

fn url(config: &tokio_postgres::Config) -> String {
    let host = match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        tokio_postgres::config::Host::Unix(folder) => folder.display().to_string(),
    };
    let password = config.get_password().map_or(String::new(), |password| {
        format!(" password='{}'", String::from_utf8_lossy(password))
    });
    format!(
        "host={host} port={} user={} dbname={}{password}",
        config.get_ports().first().copied().unwrap_or(5432),
        config.get_user().unwrap_or("postgres"),
        config.get_dbname().unwrap_or("postgres"),
    )
}

fn server() -> tokio_postgres::Config {
    std::env::var("SIDEGATE_TEST_DATABASE_URL")
        .expect("SIDEGATE_TEST_DATABASE_URL names a PostgreSQL server for tests; `make test` starts one")
        .parse()
        .expect("a PostgreSQL URL")
}

pub(crate) async fn connect(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test server answers");
    tokio::spawn(connection);
    client
}
