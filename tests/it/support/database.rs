//! A database for each test. Migrating takes longer than copying, so it is done once, into a template.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sidegate::clock;
use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::migrate;
use sidegate::store::postgres::{Postgres, Settings};
use tokio_postgres::{Client, Config, NoTls, config::Host};

use super::{BACKSTAGE, service_url, wait_until};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A database that is dropped with the value.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// An empty database.
    pub async fn empty() -> Self {
        Self::create("").await
    }

    /// A database with the current schema and no rows.
    pub async fn migrated() -> Self {
        let template = template().await;
        Self::create(&format!("TEMPLATE {template}")).await
    }

    async fn create(clause: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let admin = connect(&config()).await;
        admin
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .unwrap();
        admin
            .batch_execute(&format!("CREATE DATABASE {name} {clause}"))
            .await
            .unwrap();
        Self { name }
    }

    /// Its `postgres://` URL.
    pub fn url(&self) -> String {
        url_of(&self.name, None)
    }

    /// Its URL through `port` on loopback.
    pub fn url_through(&self, port: u16) -> String {
        url_of(&self.name, Some(port))
    }

    /// A connection for the test itself.
    pub async fn connect(&self) -> Client {
        connect(config().dbname(&self.name)).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        // Not waited for: if the process ends first, the services end with the run in any case.
        BACKSTAGE.spawn(async move {
            let admin = connect(&config()).await;
            let _ = admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await;
        });
    }
}

/// The address of the server: a socket's path, or `host:port`.
pub(super) fn server() -> String {
    let config = config();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(dir)) => format!("{}/.s.PGSQL.{port}", dir.display()),
        None => panic!("SIDEGATE_TEST_DATABASE_URL names no host"),
    }
}

fn config() -> Config {
    service_url("SIDEGATE_TEST_DATABASE_URL")
        .parse()
        .expect("SIDEGATE_TEST_DATABASE_URL is a postgres:// URL")
}

fn url_of(name: &str, port: Option<u16>) -> String {
    let config = config();
    let user = config.get_user().unwrap_or("postgres");
    let password = config
        .get_password()
        .map(|password| String::from_utf8_lossy(password).into_owned());
    let password = password.map(|password| format!(":{password}")).unwrap_or_default();
    let (server, query) = match (port, config.get_hosts().first()) {
        (Some(port), _) => (format!("127.0.0.1:{port}"), String::new()),
        (None, Some(Host::Unix(dir))) => (String::new(), format!("?host={}", dir.display())),
        (None, _) => (server(), String::new()),
    };
    format!("postgres://{user}{password}@{server}/{name}{query}")
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("PostgreSQL answers");
    BACKSTAGE.spawn(connection);
    client
}

/// The name of a database with the current schema, created by the first test that needs it.
async fn template() -> String {
    let binary = env!("CARGO_BIN_EXE_sidegate");
    let built = std::fs::metadata(binary).and_then(|found| found.modified()).unwrap();
    let name = format!("template_{}", built.duration_since(UNIX_EPOCH).unwrap().as_nanos());
    let admin = connect(&config()).await;
    // One at a time, across all test processes; the lock goes with the connection.
    admin.execute("SELECT pg_advisory_lock(7220)", &[]).await.unwrap();
    let there = admin
        .query_opt("SELECT FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap()
        .is_some();
    if !there {
        let draft = format!("{name}_draft");
        admin
            .batch_execute(&format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"))
            .await
            .unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {draft}")).await.unwrap();
        migrate(&url_of(&draft, None)).await;
        disconnected(&admin, &draft).await;
        admin
            .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
            .await
            .unwrap();
    }
    name
}

async fn disconnected(admin: &Client, database: &str) {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
    wait_until("the migration's connection is closed", TIMEOUT, async || {
        admin.query_one(count, &[&database]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

async fn migrate(url: &str) {
    let settings = Settings {
        url: Secret::new(url),
        max: 1,
        wait: TIMEOUT,
        statement_timeout: TIMEOUT,
        connect_timeout: TIMEOUT,
        replicas: Vec::new(),
    };
    let postgres = Postgres::connect(&settings, &Arc::new(Metrics::new())).unwrap();
    migrate::up(&postgres, migrate::SHIPPED, TIMEOUT, clock::now())
        .await
        .unwrap();
    // The template cannot be copied, nor even renamed, while somebody is connected to it.
    drop(postgres);
}
