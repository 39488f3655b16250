//! The real binary in a process of its own, with the helpers that tests need.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_yaml::Value;
use tempfile::TempDir;
use tokio_postgres::Client;

use super::config::{self, Places};
use super::database::Database;
use super::fault_proxy::FaultProxy;
use super::http::{Answer, Connection};
use super::ports::Port;
use super::redis::Redis;
use super::request::Request;
use super::upstream::Upstream;
use super::wait::wait_until;

/// The binary of the same build, or a release build for a figure to quote.
fn binary() -> OsString {
    std::env::var_os("SIDEGATE_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_sidegate").into())
}

/// The timeout of a start, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The builder of a sidecar.
#[derive(Debug, Default)]
#[must_use = "nothing runs until it is started"]
pub struct TestSidecar {
    fragments: Vec<String>,
    routes: Vec<Value>,
    stores: Option<Stores>,
    with_faults: bool,
    launch: Launch,
}

/// What a process is started with, besides its arguments.
#[derive(Debug, Clone, Default)]
struct Launch {
    env: Vec<(String, String)>,
    /// The limit of file descriptors (`ulimit -n`).
    descriptors: Option<u32>,
    /// Nobody reads its standard error.
    unread_log: bool,
}

#[derive(Debug, Clone)]
struct Stores {
    database: Arc<Database>,
    redis: Redis,
}

impl TestSidecar {
    pub fn new() -> Self {
        Self::default()
    }

    /// Another instance on the same database and Redis.
    pub fn beside(other: &Sidecar) -> Self {
        Self {
            stores: Some(other.stores.clone()),
            ..Self::default()
        }
    }

    /// Merges a fragment of YAML into the configuration; `null` removes a key.
    pub fn config(mut self, fragment: &str) -> Self {
        self.fragments.push(fragment.to_owned());
        self
    }

    /// Adds a route: `/exact`, `/below/**`. Without any route, everything requires a valid token.
    pub fn route(mut self, path: &str, access: &str) -> Self {
        self.routes.push(config::route(path, access));
        self
    }

    /// Adds a route in full.
    pub fn route_yaml(mut self, route: &str) -> Self {
        self.routes.push(config::parse(route));
        self
    }

    /// Sets an environment variable; there are no others.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.launch.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Limits its file descriptors, soft and hard.
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.launch.descriptors = Some(limit);
        self
    }

    /// Leaves its log unread until [`Sidecar::read_log`].
    pub fn unread_log(mut self) -> Self {
        self.launch.unread_log = true;
        self
    }

    /// Connects to both stores through networks that the test can break.
    pub fn with_faults(mut self) -> Self {
        self.with_faults = true;
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Sidecar {
        let mut sidecar = self.spawn().await;
        sidecar.wait_until_ready().await;
        sidecar
    }

    /// Starts it without waiting: for one that is not expected to become ready.
    pub async fn spawn(self) -> Sidecar {
        let stores = match self.stores {
            Some(stores) => stores,
            None => Stores {
                database: Arc::new(Database::migrated().await),
                redis: Redis::reserve().await,
            },
        };
        let upstream = Upstream::start().await;
        let (port, admin) = (Port::reserve(), Port::reserve());
        let faults = self
            .with_faults
            .then(|| (FaultProxy::to_postgres(), FaultProxy::to_redis()));
        let (database_url, redis_url) = match &faults {
            None => (stores.database.url(), stores.redis.url()),
            Some((postgres, redis)) => (
                stores.database.url_through(postgres.port()),
                stores.redis.url_through(redis.port()),
            ),
        };
        let mut config = config::base(&Places {
            listen: port.number(),
            admin: admin.number(),
            database_url: &database_url,
            redis_url: &redis_url,
            namespace: &stores.redis.namespace(),
            upstream: upstream.address(),
        });
        let routes = if self.routes.is_empty() {
            vec![config::route("/**", "authenticated")]
        } else {
            self.routes
        };
        config["routes"] = Value::Sequence(routes);
        for fragment in &self.fragments {
            config::merge(&mut config, config::parse(fragment));
        }
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sidegate.yaml");
        std::fs::write(&file, serde_yaml::to_string(&config).unwrap()).unwrap();
        let process = Process::spawn(&["serve", "--config", file.to_str().unwrap()], &self.launch);
        Sidecar {
            process,
            port,
            admin,
            upstream,
            stores,
            faults,
            config,
            file,
            launch: self.launch,
            _dir: dir,
        }
    }
}

/// A running sidecar. It is stopped with the value.
#[derive(Debug)]
pub struct Sidecar {
    // First: the process must end before what it uses.
    process: Process,
    port: Port,
    admin: Port,
    upstream: Upstream,
    stores: Stores,
    faults: Option<(FaultProxy, FaultProxy)>,
    config: Value,
    file: PathBuf,
    launch: Launch,
    _dir: TempDir,
}

impl Sidecar {
    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    pub fn post(&self, target: &str) -> Request {
        self.request("POST", target)
    }

    pub fn delete(&self, target: &str) -> Request {
        self.request("DELETE", target)
    }

    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.port.number(), method, target)
    }

    /// A request to the admin listener.
    pub fn admin(&self, method: &str, target: &str) -> Request {
        Request::new(self.admin.number(), method, target)
    }

    /// Its URL, which is also the issuer of its tokens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// A connection for arbitrary bytes.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.port.number()).await
    }

    /// Sends bytes as they are and reads one response; `None` if the connection is closed without one.
    pub async fn raw(&self, bytes: &[u8]) -> Option<Answer> {
        let mut connection = self.connect().await;
        connection.send(bytes).await;
        connection.answer(false).await
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The network to PostgreSQL; only after [`TestSidecar::with_faults`].
    pub fn postgres_network(&self) -> &FaultProxy {
        &self.faults.as_ref().expect("the sidecar was built with_faults()").0
    }

    /// The network to Redis; only after [`TestSidecar::with_faults`].
    pub fn redis_network(&self) -> &FaultProxy {
        &self.faults.as_ref().expect("the sidecar was built with_faults()").1
    }

    /// A connection to its database.
    pub async fn database(&self) -> Client {
        self.stores.database.connect().await
    }

    /// A connection to its Redis database, and the namespace of its keys.
    pub async fn redis(&self) -> (MultiplexedConnection, String) {
        (self.stores.redis.connect().await, self.stores.redis.namespace())
    }

    /// Begins to read its log, after [`TestSidecar::unread_log`].
    pub fn read_log(&mut self) {
        let log = self
            .process
            .unread
            .take()
            .expect("the sidecar was built with unread_log()");
        listen(log, &self.process.said);
    }

    /// Changes its soft limit of file descriptors while it runs, and returns the one before.
    pub fn limit_descriptors(&self, soft: Option<u64>) -> Option<u64> {
        let process = Some(Pid::from_child(&self.process.child));
        let limit = |current, maximum| Rlimit { current, maximum };
        let hard = getrlimit(Resource::Nofile).maximum;
        prlimit(process, Resource::Nofile, limit(soft, hard)).unwrap().current
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// What it has logged so far.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// The sum of a metric over all its series that have these labels.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let text = self.admin("GET", "/metrics").send().await.text();
        let is_meant = |series: &str| {
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            found == name
                && labels
                    .iter()
                    .all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")))
        };
        let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
        let values = samples
            .filter(|(series, _)| is_meant(series))
            .map(|(_, value)| value.parse::<f64>().unwrap());
        values.sum()
    }

    /// Runs another command of the binary with the same configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .arg("--config")
            .arg(&self.file)
            .env_clear()
            .envs(self.launch.env.iter().cloned());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Merges a fragment into the configuration and tells the sidecar to reload it. The test has to wait for the
    /// effect.
    pub fn reconfigure(&mut self, fragment: &str) {
        config::merge(&mut self.config, config::parse(fragment));
        std::fs::write(&self.file, serde_yaml::to_string(&self.config).unwrap()).unwrap();
        self.signal(Signal::HUP);
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.child), signal).unwrap();
    }

    /// Sends SIGTERM, and waits until it has stopped.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.exit().await
    }

    /// Waits until it has stopped by itself.
    pub async fn exit(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                begun.elapsed() < READY_WITHIN,
                "the sidecar does not end:\n{}",
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it and starts it again on the same ports.
    pub async fn restart(&mut self) {
        self.start_anew();
        self.wait_until_ready().await;
    }

    /// Like [`Self::restart`], without waiting until it is ready.
    pub fn start_anew(&mut self) {
        self.process.kill();
        self.process = Process::spawn(&["serve", "--config", self.file.to_str().unwrap()], &self.launch);
    }

    /// The whole configuration file.
    pub fn config_file(&self) -> &PathBuf {
        &self.file
    }

    /// Waits until both listeners accept connections: for a sidecar that is up and not ready.
    pub async fn wait_until_listening(&self) {
        wait_until("it listens", READY_WITHIN, async || {
            let proxy = tokio::net::TcpStream::connect(("127.0.0.1", self.port.number())).await;
            let admin = tokio::net::TcpStream::connect(("127.0.0.1", self.admin.number())).await;
            proxy.is_ok() && admin.is_ok()
        })
        .await;
    }

    /// Waits until it is ready.
    pub async fn wait_until_ready(&mut self) {
        let (process, admin) = (&mut self.process, self.admin.number());
        wait_until("the sidecar is ready", READY_WITHIN, async || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("the sidecar ended ({status}):\n{}", process.logs());
            }
            if tokio::net::TcpStream::connect(("127.0.0.1", admin)).await.is_err() {
                return false;
            }
            Request::new(admin, "GET", "/readyz").send().await.status() == 200
        })
        .await;
    }
}

/// The process and its log.
#[derive(Debug)]
struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    unread: Option<ChildStderr>,
}

impl Process {
    fn spawn(arguments: &[&str], launch: &Launch) -> Self {
        let mut command = match launch.descriptors {
            None => Command::new(binary()),
            Some(limit) => {
                let mut shell = Command::new("/bin/sh");
                shell
                    .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")])
                    .arg(binary());
                shell
            }
        };
        command.args(arguments).env_clear().envs(launch.env.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        listen(child.stdout.take().unwrap(), &said);
        let mut unread = child.stderr.take();
        if !launch.unread_log {
            listen(unread.take().unwrap(), &said);
        }
        Self { child, said, unread }
    }

    fn logs(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            // Printed with a failed test.
            println!("--- the sidecar said:\n{}---", self.logs());
        }
    }
}

fn listen(words: impl Read + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(words).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}
