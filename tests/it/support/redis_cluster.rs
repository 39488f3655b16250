//! A Redis Cluster of three masters without replicas, of which one can be killed and started again, empty.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use super::ports::Port;
use super::wait::wait_until;

const READY_WITHIN: Duration = Duration::from_secs(30);
const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];

/// The three servers. They are stopped with the value.
#[derive(Debug)]
pub struct RedisCluster {
    masters: Vec<Master>,
    full_coverage: bool,
}

#[derive(Debug)]
struct Master {
    port: Port,
    bus: Port,
    process: Option<Child>,
    dir: TempDir,
}

impl RedisCluster {
    /// `full_coverage`: whether the others refuse all commands while one is unreachable, which is the default of Redis.
    pub async fn start(full_coverage: bool) -> Self {
        let masters = SLOTS.iter().map(|_| Master {
            port: Port::reserve(),
            bus: Port::reserve(),
            process: None,
            dir: tempfile::tempdir().unwrap(),
        });
        let mut cluster = Self {
            masters: masters.collect(),
            full_coverage,
        };
        for (master, (first, last)) in cluster.masters.iter_mut().zip(SLOTS) {
            master.start(full_coverage).await;
            let _: () = master
                .ask(redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(first).arg(last))
                .await
                .unwrap();
        }
        let [first, others @ ..] = &cluster.masters[..] else {
            unreachable!()
        };
        for other in others {
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET")
                .arg("127.0.0.1")
                .arg(other.port.number())
                .arg(other.bus.number());
            let _: () = first.ask(&meet).await.unwrap();
        }
        cluster.wait_until_ok().await;
        cluster
    }

    /// A fragment of configuration that names it.
    pub fn config(&self) -> String {
        let hosts: Vec<_> = self
            .masters
            .iter()
            .map(|master| format!("127.0.0.1:{}", master.port.number()))
            .collect();
        format!("store: {{ redis: {{ url: \"redis-cluster://{}\" }} }}", hosts.join(","))
    }

    /// Which master has a key.
    pub async fn master_of(&self, key: &str) -> usize {
        let slot: u16 = self.masters[0]
            .ask(redis::cmd("CLUSTER").arg("KEYSLOT").arg(key))
            .await
            .unwrap();
        SLOTS
            .iter()
            .position(|(first, last)| (first..=last).contains(&&slot))
            .unwrap()
    }

    pub fn kill(&mut self, master: usize) {
        self.masters[master].kill();
    }

    /// Starts a killed master again, with its place in the cluster and without its data.
    pub async fn start_again(&mut self, master: usize) {
        self.masters[master].start(self.full_coverage).await;
        self.wait_until_ok().await;
    }

    async fn wait_until_ok(&self) {
        wait_until("the cluster is whole", READY_WITHIN, async || {
            for master in &self.masters {
                let info: String = master.ask(redis::cmd("CLUSTER").arg("INFO")).await.unwrap_or_default();
                if !(info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")) {
                    return false;
                }
            }
            true
        })
        .await;
    }
}

impl Master {
    async fn start(&mut self, full_coverage: bool) {
        let config = format!(
            "bind 127.0.0.1\nport {}\ncluster-port {}\ndir {}\nsave \"\"\nappendonly no\ncluster-enabled yes\n\
             cluster-node-timeout 1000\ncluster-require-full-coverage {}\n",
            self.port.number(),
            self.bus.number(),
            self.dir.path().display(),
            if full_coverage { "yes" } else { "no" }
        );
        let mut child = Command::new("redis-server")
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        self.process = Some(child);
        wait_until("Redis answers", READY_WITHIN, async || {
            self.ask::<String>(&redis::cmd("PING")).await.is_ok()
        })
        .await;
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> redis::RedisResult<T> {
        command.query_async(&mut self.connect().await?).await
    }

    async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let url = format!("redis://127.0.0.1:{}/", self.port.number());
        redis::Client::open(url)?.get_multiplexed_async_connection().await
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.kill();
    }
}
