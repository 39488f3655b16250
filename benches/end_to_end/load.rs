//! A proxy under load from outside: wrk sends requests out of a file, and the kernel says what the proxy's process
//! used.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// One measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Round {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    pub(crate) cpu_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

impl Round {
    /// The middle of several, figure by figure.
    pub(crate) fn middle(rounds: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            let (low, high) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
            f64::midpoint(low, high)
        };
        Self {
            requests: middle(|round| round.requests),
            per_second: middle(|round| round.per_second),
            cpu_micros: middle(|round| round.cpu_micros),
            p50_micros: middle(|round| round.p50_micros),
            p99_micros: middle(|round| round.p99_micros),
        }
    }
}

/// How to load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) length: Duration,
    /// Stop when every request of the file was sent once.
    pub(crate) once: bool,
}

/// Requests of one length, one after the other in a file: a hundred thousand would not fit into wrk's memory.
pub(crate) struct Requests {
    file: PathBuf,
    each: usize,
    count: usize,
}

impl Requests {
    /// `GET path` with each of the tokens; without any, one request.
    pub(crate) fn write(file: PathBuf, path: &str, tokens: impl IntoIterator<Item = String>) -> Self {
        let head = format!("GET {path} HTTP/1.1\r\nHost: app.test\r\nUser-Agent: wrk\r\nAccept: */*\r\n");
        let mut out = std::io::BufWriter::new(fs::File::create(&file).expect("there is room"));
        let with_token = |token: String| format!("{head}Authorization: Bearer {token}\r\n\r\n");
        let mut requests = tokens.into_iter().map(with_token).peekable();
        let without = requests.peek().is_none().then(|| format!("{head}\r\n"));
        let (mut each, mut count) = (0, 0);
        for request in requests.chain(without) {
            assert!(each == 0 || each == request.len(), "all tokens are of one length");
            (each, count) = (request.len(), count + 1);
            out.write_all(request.as_bytes()).expect("there is room");
        }
        out.flush().expect("there is room");
        Self { file, each, count }
    }
}

/// Sends `requests` to `port` and measures what `processes` used of the CPU meanwhile.
pub(crate) fn round(dir: &Path, port: u16, requests: &Requests, processes: &[u32], load: Load) -> Round {
    let script = dir.join("wrk.lua");
    fs::write(&script, lua(requests, load.once)).expect("there is room");
    let before = cpu(processes);
    let output = Command::new("wrk")
        .args(["-t1", "--latency"])
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", load.length.as_secs().max(1)))
        .arg("-s")
        .arg(&script)
        .arg(format!("http://127.0.0.1:{port}/"))
        .output()
        .expect("wrk is installed (scripts/install-packages.sh bench)");
    let used = cpu(processes).saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The script's `done` prints what it counted.
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .unwrap_or_else(|| panic!("{text}"));
    let numbers: Vec<f64> = line
        .split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect();
    let [requests, micros, p50_micros, p99_micros, errors] = numbers[..] else {
        panic!("{line}")
    };
    assert!(errors < 1.0, "{errors} requests were not answered 200");
    Round {
        requests,
        // wrk sleeps until its time is over although its thread has stopped.
        per_second: if load.once { f64::NAN } else { requests / micros * 1e6 },
        cpu_micros: used.as_secs_f64() * 1e6 / requests,
        p50_micros,
        p99_micros,
    }
}

/// The load: the requests of the file in turn, and one line with the outcome.
fn lua(requests: &Requests, once: bool) -> String {
    let mut lua = String::new();
    let (file, Requests { each, count, .. }) = (requests.file.to_str().expect("plain ASCII"), requests);
    writeln!(
        lua,
        "local file, each, count, once, sent = io.open({file:?}, 'rb'), {each}, {count}, {once}, 0"
    )
    .expect("a String takes any text");
    lua.push_str(
        r#"
local one = file:read(each)
file:seek("set")
function request()
  if count == 1 then return one end
  sent = sent + 1
  if once and sent == count then wrk.thread:stop() end
  local next_one = file:read(each)
  if next_one == nil then
    file:seek("set")
    next_one = file:read(each)
  end
  return next_one
end
function done(summary, latency, rates)
  local e = summary.errors
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#,
    );
    lua
}

/// The time that all threads of these processes have run, as the scheduler counts it, in nanoseconds.
pub(crate) fn cpu(processes: &[u32]) -> Duration {
    let of_thread = |thread: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    let of_process = |process: &u32| -> u64 {
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
        threads.filter_map(|thread| of_thread(thread.ok()?)).sum()
    };
    Duration::from_nanos(processes.iter().map(of_process).sum())
}

/// A process that ends with the value.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// The status and body of a small request, or nothing while nobody listens.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    use std::io::Read as _;
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// How long it takes until `path` answers 200.
pub(crate) fn until_ready(port: u16, path: &str) -> Duration {
    let begun = Instant::now();
    while ask(port, "GET", path, "").is_none_or(|(status, _)| status != 200) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nobody is ready at port {port}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// Set in the process that plays the application, to its port.
const UPSTREAM: &str = "SIDEGATE_BENCH_UPSTREAM";

/// The application: this program again, in a process of its own, so that its work is nobody else's.
pub(crate) fn upstream(port: u16) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("Linux says where it is"));
    let child = command.env(UPSTREAM, port.to_string()).spawn().expect("it can be run");
    Running(child)
}

/// In the process that plays the application: does not return.
pub(crate) fn be_upstream_if_asked() {
    let Ok(port) = std::env::var(UPSTREAM) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let port = port.parse().expect("a port");
    runtime.expect("a runtime can be made").block_on(answer_for_ever(port));
}

/// Answers every request head with the same two bytes. No request here has a body.
async fn answer_for_ever(port: u16) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .expect("the port is free");
    loop {
        let (mut stream, _) = listener.accept().await.expect("it listens");
        stream.set_nodelay(true).expect("TCP can");
        tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut buffer = [0_u8; 16 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                seen.extend_from_slice(&buffer[..read]);
                while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                    seen.drain(..end + 4);
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}
