//! A Redis master and its replica, and a Sentinel that promotes the replica when the master is gone.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use super::fault_proxy::FaultProxy;
use super::ports::Port;
use super::redis_server::RedisServer;
use super::wait::wait_until;

const WITHIN: Duration = Duration::from_secs(60);
const NAME: &str = "mymaster";

/// The three servers. They are stopped with the value.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: [RedisServer; 2],
    /// The networks between the servers, by who is master.
    ways: [FaultProxy; 2],
    master: usize,
    port: Port,
    process: Option<Child>,
    dir: TempDir,
}

impl RedisSentinel {
    pub async fn start() -> Self {
        let servers = [RedisServer::start().await, RedisServer::start().await];
        let ways = [0, 1].map(|index: usize| FaultProxy::to_port(servers[index].port()));
        let (port, dir) = (Port::reserve(), tempfile::tempdir().unwrap());
        let mut sentinel = Self {
            servers,
            ways,
            master: 0,
            port,
            process: None,
            dir,
        };
        sentinel.replicate().await;
        sentinel.process = Some(sentinel.spawn());
        wait_until("the Sentinel knows the replica", WITHIN, async || {
            sentinel.knows_replica().await
        })
        .await;
        sentinel
    }

    fn spawn(&self) -> Child {
        let config = format!(
            "bind 127.0.0.1\nport {}\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 1500\n",
            self.port.number(),
            self.dir.path().display(),
            self.servers[self.master].port()
        );
        let file = self.dir.path().join("sentinel.conf");
        std::fs::write(&file, config).unwrap();
        Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    /// A fragment of configuration that names the Sentinel.
    pub fn config(&self) -> String {
        let port = self.port.number();
        format!("store: {{ redis: {{ url: \"redis-sentinel://127.0.0.1:{port}/{NAME}\" }} }}")
    }

    /// Stops the replication from the master.
    pub async fn hold_replication(&mut self) {
        // Sentinel reconfigures the replica to bypass the network with faults whenever it notices it.
        self.replicate().await;
        self.ways[self.master].freeze();
    }

    /// Kills the master, and with it the data that the replica did not receive. Returns when the replica is the master.
    pub async fn fail_over(&mut self) {
        assert!(self.is_on_the_way().await, "Sentinel came in between");
        self.servers[self.master].kill();
        self.ways[self.master].cut();
        self.master = 1 - self.master;
        let master = &self.servers[self.master];
        wait_until("the replica is promoted", WITHIN, async || {
            replication(master).await.contains("role:master")
        })
        .await;
        let port = master.port().to_string();
        wait_until("the Sentinel says so", WITHIN, async || {
            self.said_master().await == Some(port.clone())
        })
        .await;
    }

    /// Starts the killed server again as an empty replica, which gets all data.
    pub async fn replicate(&mut self) {
        let replica = &mut self.servers[1 - self.master];
        if !replica.is_running() {
            replica.start_again().await;
        }
        self.ways[self.master].heal();
        let (replica, port) = (
            &self.servers[1 - self.master],
            self.ways[self.master].port().to_string(),
        );
        wait_until("the replica is in step", WITHIN, async || {
            if self.is_on_the_way().await {
                return replication(replica).await.contains("master_link_status:up");
            }
            let _ = replica.ask(&["REPLICAOF", "127.0.0.1", &port]).await;
            false
        })
        .await;
    }

    async fn is_on_the_way(&self) -> bool {
        let port = self.ways[self.master].port();
        let said = replication(&self.servers[1 - self.master]).await;
        said.contains(&format!("master_port:{port}\r"))
    }

    async fn knows_replica(&self) -> bool {
        let replica = self.servers[1 - self.master].port().to_string();
        let known = self.ask(&["SENTINEL", "replicas", NAME]).await;
        known.contains(&replica) && !known.contains("s_down") && !known.contains("disconnected")
    }

    async fn said_master(&self) -> Option<String> {
        let mut connection = self.connect().await?;
        let address: Vec<String> = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(NAME)
            .query_async(&mut connection)
            .await
            .ok()?;
        address.into_iter().nth(1)
    }

    async fn ask(&self, words: &[&str]) -> String {
        let Some(mut connection) = self.connect().await else {
            return String::new();
        };
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        let answer: redis::RedisResult<redis::Value> = command.query_async(&mut connection).await;
        format!("{answer:?}")
    }

    async fn connect(&self) -> Option<MultiplexedConnection> {
        let url = format!("redis://127.0.0.1:{}/", self.port.number());
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection().await.ok()
    }
}

/// Sentinel closes the connections of a server whose role it changes, and then there is no response.
async fn replication(server: &RedisServer) -> String {
    server.ask(&["INFO", "replication"]).await.unwrap_or_default()
}

impl Drop for RedisSentinel {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
