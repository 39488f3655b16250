//! What the tests are written with. A test reads as a sentence:
//!
//! ```ignore
//! let sidecar = TestSidecar::new().route("/api/**", "authenticated").start().await;
//! let alice = sidecar.user("alice").await;
//! let answer = sidecar.get("/api").bearer(&alice.access_token).header("X_User", "root").send().await;
//! assert_eq!(answer.upstream_saw().header_family("x-user"), [""; 0]);
//! ```

mod authenticator;
pub mod config;
mod database;
mod fault_proxy;
mod http;
mod issuer;
mod mail_server;
pub mod mailbox;
mod playground;
mod ports;
mod queued_messages;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod redis_server;
mod request;
mod sidecar;
mod upstream;
mod user;
mod wait;

use std::sync::LazyLock;

use tokio::runtime::Runtime;

pub use self::authenticator::Authenticator;
pub use self::config::{AUDIENCE, ISSUER};
pub use self::database::Database;
pub use self::fault_proxy::{FaultProxy, commands};
pub use self::http::{Answer, Connection};
pub use self::issuer::{TestIssuer, claims, encode, now};
pub use self::mail_server::{LOGIN, MailServer};
pub use self::playground::{Playground, place};
pub use self::ports::Port;
pub use self::queued_messages::{Eml, messages_in, queue_message};
pub use self::redis::Redis;
pub use self::redis_cluster::RedisCluster;
pub use self::redis_sentinel::RedisSentinel;
pub use self::redis_server::RedisServer;
pub use self::request::Request;
pub use self::sidecar::{Sidecar, TestSidecar};
pub use self::upstream::{Behaviour, Upstream};
pub use self::user::{PASSWORD, User};
pub use self::wait::wait_until;

/// The runtime of upstreams and fault proxies: separate from the tests' own runtimes, so that a test that blocks does
/// not stop them.
static BACKSTAGE: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("backstage")
        .enable_all()
        .build()
        .unwrap()
});

/// The objects that a command prints with `--output json`, one per line.
pub fn json_lines(printed: &[u8]) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(printed).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The value of a variable that `sidegate dev --run` sets.
fn service_url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set, so there is nothing to test against: run `make test`, or \
             `cargo run -- dev --run -- cargo test NAME` for some tests"
        )
    })
}
