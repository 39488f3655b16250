//! A Redis server of its own for a test, to be killed, frozen and emptied.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::ports::Port;
use super::wait::wait_until;

const READY_WITHIN: Duration = Duration::from_secs(10);

/// A server on a fixed port. It is stopped with the value.
#[derive(Debug)]
pub struct RedisServer {
    port: Port,
    process: Option<Child>,
    dir: TempDir,
}

impl RedisServer {
    pub async fn start() -> Self {
        let mut server = Self {
            port: Port::reserve(),
            process: None,
            dir: tempfile::tempdir().unwrap(),
        };
        server.start_again().await;
        server
    }

    /// Starts the killed server again, empty.
    pub async fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.dir.path().join("dump.rdb"));
        self.start_from_file().await;
    }

    /// Starts the killed server again with the data of the last `SAVE`.
    pub async fn start_from_file(&mut self) {
        self.process = Some(spawn(self.port.number(), self.dir.path()));
        wait_until("Redis answers", READY_WITHIN, async || self.try_connect().await.is_ok()).await;
    }

    /// The configuration for this server.
    pub fn config(&self) -> String {
        format!(
            "store: {{ redis: {{ url: \"redis://127.0.0.1:{}/0\" }} }}",
            self.port.number()
        )
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGKILL also ends a frozen process.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).unwrap();
    }

    /// Runs a command.
    pub async fn command(&self, words: &[&str]) {
        self.ask(words).await.unwrap();
    }

    /// Runs a command, and returns the response as text.
    pub async fn ask(&self, words: &[&str]) -> redis::RedisResult<String> {
        let mut connection = self.try_connect().await?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        let answer: redis::Value = command.query_async(&mut connection).await?;
        Ok(redis::from_redis_value(answer).unwrap_or_default())
    }

    async fn try_connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let url = format!("redis://127.0.0.1:{}/0", self.port.number());
        let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        Ok(connection)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, dir: &Path) -> Child {
    let mut child = Command::new("redis-server")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let config = format!(
        "bind 127.0.0.1\nport {port}\ndir {}\nsave \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n",
        dir.display()
    );
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    child
}
