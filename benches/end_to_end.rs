//! The proxy under load, measured from outside: requests per second, CPU time per request, latency, memory.
//!
//! Every scenario runs between two rounds of plain proxying (`access: public`) and is stated as a ratio to them, since
//! absolute figures belong to one machine on one day. CPU time is that of the `sidegate` process alone, as the kernel counts it;
//! load generator and upstream do not disturb it.
//!
//! `make bench` runs it with a private Redis. `SIDEGATE_BENCH_SECONDS` (default 3) is the length of a round.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people at a terminal"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use sidegate::clock;
use sidegate::keys::{Algorithm, SigningKey, provider};
use tempfile::TempDir;

fn main() {
    if let Ok(port) = std::env::var(UPSTREAM) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(answer_for_ever(port.parse().unwrap()));
    }
    provider::install();
    let bench = Bench::start(&extra_routes(10));
    let one = bench.tokens("one", Algorithm::Es256, 1);
    let thousand = bench.tokens("thousand", Algorithm::Es256, 1_000);
    let many = bench.tokens("many", Algorithm::Es256, 100_000);

    println!("machine: {} cores; {}", cores(), cpu());
    println!("| scenario | requests/s | CPU µs/request | p50 µs | p99 µs | CPU ratio to plain |");
    println!("|---|---|---|---|---|---|");
    bench.compare("cached token, 1 distinct", "/token/x", Some(&one));
    bench.compare("cached token, 1,000 distinct", "/token/x", Some(&thousand));
    bench.compare(
        "cached token, 100,000 distinct (cold, then cached)",
        "/token/x",
        Some(&many),
    );
    bench.compare("policy of five rules", "/policy/x", Some(&one));
    bench.compare("leased rate limit", "/limited/x", Some(&one));
    let cold = bench.tokens("cold-es256", Algorithm::Es256, 60_000);
    bench.compare("cold tokens, ES256", "/token/x", Some(&cold));
    let cold = bench.tokens("cold-eddsa", Algorithm::EdDsa, 60_000);
    bench.compare("cold tokens, EdDSA", "/token/x", Some(&cold));
    println!("\nresident memory after all of it: {} KiB", bench.resident_kib());
    drop(bench);

    println!("\n| routes | CPU µs/request, plain | CPU µs/request, cached token |\n|---|---|---|");
    for routes in [10, 1_000, 10_000] {
        let bench = Bench::start(&extra_routes(routes));
        let one = bench.tokens("one", Algorithm::Es256, 1);
        let (plain, token) = (bench.round("/plain/x", None), bench.round("/token/x", Some(&one)));
        println!("| {routes} | {:.1} | {:.1} |", plain.cpu_micros, token.cpu_micros);
    }
}

/// A running sidecar and what it needs.
struct Bench {
    sidegate: Child,
    listen: u16,
    keys: [SigningKey; 2],
    dir: TempDir,
    upstream: Child,
}

/// One measurement.
struct Round {
    per_second: f64,
    cpu_micros: f64,
    p50_micros: f64,
    p99_micros: f64,
}

impl Bench {
    fn start(extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [listen, admin, upstream_port] = free_ports();
        let keys = [Algorithm::Es256, Algorithm::EdDsa].map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let jwks = json!({"keys": keys.iter().map(|key| key.verifying_key().to_jwk()).collect::<Vec<_>>()});
        let redis = std::env::var("SIDEGATE_TEST_REDIS_URL").expect("run `make bench`: it starts Redis");
        let config = format!(
            r#"
version: 1
server: {{ listen: "127.0.0.1:{listen}", admin: "127.0.0.1:{admin}", threads: 1 }}
store: {{ redis: {{ url: "{redis}", namespace: bench }} }}
issuers:
  - {{ issuer: "https://bench.test", audience: [bench], algorithms: [ES256, EdDSA], jwks: {jwks} }}
upstreams: {{ app: {{ servers: ["http://127.0.0.1:{upstream_port}"] }} }}
policies:
  five:
    - deny: {{ claim: suspended, equals: true }}
    - allow: {{ role: admin }}
    - allow: {{ all: [{{ role: finance }}, {{ scope: "billing:write" }}] }}
    - allow: {{ any: [{{ permission: a }}, {{ permission: b }}] }}
    - allow: {{ role: staff }}
rate_limits: {{ per-user: {{ key: user, limit: 100000000/1m, on_store_error: deny }} }}
routes:
  - {{ id: plain, match: {{ path: "/plain/**" }}, upstream: app, access: public }}
  - {{ id: token, match: {{ path: "/token/**" }}, upstream: app, access: authenticated }}
  - {{ id: policy, match: {{ path: "/policy/**" }}, upstream: app, access: five }}
  - {{ id: limited, match: {{ path: "/limited/**" }}, upstream: app, access: authenticated, rate_limits: [per-user] }}
{extra}
observability: {{ log: {{ format: json, level: warn }}, access_log: {{ sample: 0.0 }} }}
"#
        );
        let file = dir.path().join("sidegate.yaml");
        std::fs::write(&file, config).unwrap();
        let upstream = upstream(upstream_port);
        let sidegate = Command::new(binary())
            .args(["serve", "--config"])
            .arg(&file)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let bench = Self {
            sidegate,
            listen,
            keys,
            dir,
            upstream,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !ready(admin) {
            assert!(Instant::now() < deadline, "sidegate did not become ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        bench
    }

    /// A file with `count` different tokens, one a line.
    fn tokens(&self, name: &str, algorithm: Algorithm, count: usize) -> PathBuf {
        let key = &self.keys[usize::from(algorithm == Algorithm::EdDsa)];
        let now = clock::now().unix_timestamp();
        let path = self.dir.path().join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
        for index in 0..count {
            let claims = json!({
                "iss": "https://bench.test", "sub": format!("01a20a3d-6059-74ff-929e-{index:012}"), "aud": "bench", "exp": now + 7200, "iat": now,
                "jti": format!("{name}-{index}"), "sid": format!("6b8951d8-7148-4a9b-857a-{index:012}"), "email": "someone@example.com",
                "email_verified": true, "preferred_username": "someone", "roles": ["staff", "wiki"], "scope": "read write",
            });
            writeln!(file, "{}", key.sign("at+jwt", &claims).unwrap()).unwrap();
        }
        path
    }

    /// A scenario between two rounds of plain proxying.
    fn compare(&self, name: &str, path: &str, tokens: Option<&Path>) {
        let before = self.round("/plain/x", None);
        let round = self.round(path, tokens);
        let after = self.round("/plain/x", None);
        let plain = f64::midpoint(before.cpu_micros, after.cpu_micros);
        println!(
            "| {name} | {:.0} | {:.1} | {:.0} | {:.0} | {:.3} (plain {plain:.1} µs, {:.0}/s) |",
            round.per_second,
            round.cpu_micros,
            round.p50_micros,
            round.p99_micros,
            round.cpu_micros / plain,
            f64::midpoint(before.per_second, after.per_second),
        );
    }

    fn round(&self, path: &str, tokens: Option<&Path>) -> Round {
        let script = self.dir.path().join("wrk.lua");
        std::fs::write(&script, lua(tokens)).unwrap();
        let seconds = std::env::var("SIDEGATE_BENCH_SECONDS").unwrap_or_else(|_| "3".to_owned());
        let before = self.cpu();
        let output = Command::new("wrk")
            .args(["-t1", "-c16", "--latency", &format!("-d{seconds}s"), "-s"])
            .arg(&script)
            .arg(format!("http://127.0.0.1:{}{path}", self.listen))
            .output()
            .expect("wrk is installed (Debian's package `wrk`)");
        let used = self.cpu().saturating_sub(before);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The script's `done` prints what it counted: requests, microseconds, p50, p99, errors.
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("RESULT "))
            .unwrap_or_else(|| panic!("{text}"));
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [requests, micros, p50_micros, p99_micros, errors] = numbers[..] else {
            panic!("{line}")
        };
        assert!(errors < 1.0, "{errors} requests to {path} were not answered 200");
        Round {
            per_second: requests / micros * 1e6,
            cpu_micros: used.as_secs_f64() * 1e6 / requests,
            p50_micros,
            p99_micros,
        }
    }

    /// User and system time of the process so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.sidegate.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.sidegate.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for child in [&mut self.sidegate, &mut self.upstream] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The application: this program again, in a process of its own, so that its work is nobody else's.
fn upstream(port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(UPSTREAM, port.to_string())
        .spawn()
        .unwrap()
}

/// Set in the process that plays the application, to its port.
const UPSTREAM: &str = "SIDEGATE_BENCH_UPSTREAM";

/// Answers every request head with the same two bytes. No request here has a body.
async fn answer_for_ever(port: u16) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut buffer = [0_u8; 16 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                seen.extend_from_slice(&buffer[..read]);
                while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                    seen.drain(..end + 4);
                    if stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            }
        });
    }
}

/// The load: requests with the tokens in turn, and one line with the outcome.
fn lua(tokens: Option<&Path>) -> String {
    let mut lua = String::from("local tokens = {}\n");
    if let Some(file) = tokens {
        writeln!(
            lua,
            "for line in io.lines({:?}) do tokens[#tokens + 1] = line end",
            file.to_str().unwrap()
        )
        .unwrap();
    }
    lua.push_str(
        r#"
local next_token, requests = 0, {}
function init(args)
  for i = 1, math.max(#tokens, 1) do
    if tokens[i] then wrk.headers["Authorization"] = "Bearer " .. tokens[i] end
    requests[i] = wrk.format()
  end
end
function request()
  next_token = next_token % #requests + 1
  return requests[next_token]
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

fn extra_routes(count: usize) -> String {
    (0..count).fold(String::new(), |mut yaml, index| {
        writeln!(
            yaml,
            "  - {{ id: extra-{index}, match: {{ host: h{}.test, path: \"/extra/{index}/**\" }}, upstream: app, access: authenticated }}",
            index % 50
        )
        .unwrap();
        yaml
    })
}

/// The binary of the same build, or another one to compare with.
fn binary() -> PathBuf {
    std::env::var_os("SIDEGATE_BENCH_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_sidegate").into(), PathBuf::from)
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn ready(admin: u16) -> bool {
    let admin = format!("127.0.0.1:{admin}");
    let check = Command::new(binary()).args(["healthcheck", "--admin", &admin]).output();
    check.is_ok_and(|output| output.status.success())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown");
    model.trim_start_matches(['\t', ' ', ':']).to_owned()
}
