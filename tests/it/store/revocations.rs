//! The feed of revocations in Redis, and the outbox in PostgreSQL.

mod feed;
mod heartbeat;
mod outbox;

use std::sync::Arc;
use std::time::Duration;

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::redis::{Redis, Settings};
use sidegate::store::revocations::{self, Content, Entry, Recorded, Revocation, Subject};
use time::OffsetDateTime;
use uuid::Uuid;

const KEEP: Duration = Duration::from_secs(660);
const ISSUER: &str = "https://gw.test";

fn url() -> String {
    std::env::var("SIDEGATE_TEST_REDIS_URL")
        .expect("SIDEGATE_TEST_REDIS_URL names a Redis server for tests; `make test` starts one")
}

/// A namespace of its own, and its name.
fn connect() -> (Redis, String) {
    let namespace = format!("test-{}", Uuid::new_v4().simple());
    let settings = Settings {
        url: Secret::new(url()),
        namespace: namespace.clone(),
        timeout: Duration::from_millis(500),
    };
    (Redis::connect(&settings, &Arc::new(Metrics::new())).unwrap(), namespace)
}

async fn raw() -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The time now, in milliseconds, which is the precision in Redis.
fn now() -> OffsetDateTime {
    sidegate::clock::now().replace_nanosecond(0).unwrap()
}

fn recorded(id: i64, subject: Subject) -> Recorded {
    Recorded {
        id,
        revocation: Revocation {
            subject,
            expires_at: now() + Duration::from_secs(600),
        },
    }
}

fn session(id: i64) -> Recorded {
    recorded(id, Subject::Session(format!("s{id}")))
}

fn user(id: i64, name: &str, version: u32) -> Recorded {
    let subject = Subject::User {
        issuer: ISSUER.to_owned(),
        id: name.to_owned(),
        version,
    };
    recorded(id, subject)
}

async fn publish(redis: &Redis, revocations: &[Recorded]) -> Vec<String> {
    revocations::publish(redis, revocations, KEEP).await.unwrap()
}

/// The feed from its beginning.
async fn read_all(redis: &Redis) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let last = entries.last().map(|entry| entry.id.clone());
        let page = revocations::next_page(redis, last.as_deref()).await.unwrap().unwrap();
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
    }
}

fn contents(entries: Vec<Entry>) -> Vec<Content> {
    entries.into_iter().map(|entry| entry.content).collect()
}
