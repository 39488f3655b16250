//! Parses a Redis URL and connects to it.
//!
//! | URL | means |
//! |---|---|
//! | `redis://user:password@host:6379/0` | one server, plaintext |
//! | `rediss://…` | one server, TLS, verified with the system's roots |
//! | `unix:///run/redis.sock?db=0&user=…&pass=…` | one server, unix socket |
//! | `redis-cluster://user:password@host:6379,host:6379`, `rediss-cluster://…` | a cluster, found by any of its servers |
//! | `redis-sentinel://user:password@host:26379,host:26379/master/0` | the current master of that name |
//!
//! TLS needs rustls' process-wide provider installed before the first call.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisResult};
use tokio::sync::Mutex;

use super::link::Link;
use crate::secret::Secret;

/// The caller's timeout is shorter; this one limits attempts that no caller waits for any more.
const CONNECT: Duration = Duration::from_secs(1);

/// An invalid URL. The message does not quote it, because it can contain a password.
#[derive(Debug, thiserror::Error)]
#[error("not a usable Redis URL: {0}")]
pub struct BadUrl(String);

pub(super) enum Address {
    Single(Client),
    Cluster(Box<ClusterClient>),
    Sentinel {
        sentinel: Box<Mutex<Sentinel>>,
        master: String,
        node: Box<SentinelNodeConnectionInfo>,
    },
}

impl Address {
    pub(super) fn parse(url: &Secret) -> Result<Self, BadUrl> {
        let url = url.expose();
        if url.ends_with("#insecure") {
            return Err(BadUrl(
                "#insecure would accept anybody's certificate; use rediss:// or redis://".to_owned(),
            ));
        }
        match url.split_once("://") {
            Some(("redis-cluster", rest)) => cluster("redis", rest),
            Some(("rediss-cluster", rest)) => cluster("rediss", rest),
            Some(("redis-sentinel", rest)) => sentinel(rest),
            Some(_) => Ok(Self::Single(Client::open(info(url)?).map_err(|error| bad(&error))?)),
            None => Err(BadUrl(
                "it begins with redis://, rediss://, unix://, redis-cluster:// or redis-sentinel://".to_owned(),
            )),
        }
    }

    pub(super) async fn connect(&self) -> RedisResult<Link> {
        match self {
            Self::Single(client) => single(client).await.map(Link::Single),
            Self::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
            // Resolved for each connection, because the master changes with a failover.
            Self::Sentinel { sentinel, master, node } => {
                let client = sentinel.lock().await.async_master_for(master, Some(node)).await?;
                single(&client).await.map(Link::Single)
            }
        }
    }
}

async fn single(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        // Timeouts are set around every call by the caller, who also discards the socket.
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn cluster(scheme: &str, rest: &str) -> Result<Address, BadUrl> {
    let (login, hosts, _) = parts(rest);
    let nodes = hosts
        .map(|host| info(&format!("{scheme}://{login}{host}")))
        .collect::<Result<Vec<_>, _>>()?;
    let client = ClusterClientBuilder::new(nodes)
        .tcp_settings(tcp())
        .connection_timeout(CONNECT)
        // By default redis-rs waits more than a second between attempts: longer than the callers' timeouts.
        .retries(2)
        .min_retry_wait(5)
        .max_retry_wait(50)
        .build()
        .map_err(|error| bad(&error))?;
    Ok(Address::Cluster(Box::new(client)))
}

fn sentinel(rest: &str) -> Result<Address, BadUrl> {
    let (login, hosts, path) = parts(rest);
    let nodes = hosts
        .map(|host| info(&format!("redis://{host}")))
        .collect::<Result<Vec<_>, _>>()?;
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(BadUrl(
            "it names no master: redis-sentinel://host:26379/master".to_owned(),
        ));
    }
    let server = info(&format!("redis://{login}127.0.0.1/{db}"))?;
    let node = SentinelNodeConnectionInfo::default()
        .set_tcp_settings(tcp())
        .set_redis_connection_info(server.redis_settings().clone());
    let sentinel = Sentinel::build(nodes).map_err(|error| bad(&error))?;
    Ok(Address::Sentinel {
        sentinel: Box::new(Mutex::new(sentinel)),
        master: master.to_owned(),
        node: Box::new(node),
    })
}

/// `user:password@`, the hosts, and what follows the first slash.
fn parts(rest: &str) -> (&str, impl Iterator<Item = &str>, &str) {
    let (login, rest) = rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1));
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    (login, hosts.split(',').filter(|host| !host.is_empty()), path)
}

fn info(url: &str) -> Result<ConnectionInfo, BadUrl> {
    Ok(url
        .into_connection_info()
        .map_err(|error| bad(&error))?
        .set_tcp_settings(tcp()))
}

/// Sets `TCP_NODELAY`, because messages are small and waiting to fill a packet takes longer than the response, and
/// keepalive, which detects a dead peer within seconds.
fn tcp() -> TcpSettings {
    TcpSettings::default()
        .set_nodelay(true)
        .set_user_timeout(Duration::from_secs(5))
}

fn bad(error: &redis::RedisError) -> BadUrl {
    // The detail can contain the URL, so the error describes the expected form instead.
    let form = "expected redis://user:password@host:6379/0, or another scheme that is known here";
    BadUrl(format!("{form} ({:?})", error.kind()))
}
