//! A database for each test. Migrating takes longer than copying, so it is done once, into a template.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use tokio_postgres::{Client, Config, NoTls, config::Host};

use super::{BACKSTAGE, service_url};

/// A database that goes with the value.
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

    /// Its URL when `port` on loopback leads to the server.
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
        // Nobody waits for it: should the process end first, the services go with the run anyway.
        BACKSTAGE.spawn(async move {
            let admin = connect(&config()).await;
            let _ = admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await;
        });
    }
}

/// Where the server is: a socket's path, or `host:port`.
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

/// The name of a database with the current schema, made by the first test that asks.
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
        let url = url_of(&draft, None);
        tokio::task::spawn_blocking(move || migrate(binary, &url))
            .await
            .unwrap();
        admin
            .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
            .await
            .unwrap();
    }
    name
}

fn migrate(binary: &str, url: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sidegate.yaml");
    std::fs::write(&file, super::config::for_migrations(url)).unwrap();
    let output = Command::new(binary)
        .args(["migrate", "up", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "sidegate migrate up failed: {output:?}");
}
