//! The proxy under load, measured from outside: requests per second, CPU time per request, latency, memory.
//!
//! Every scenario runs between rounds of plain proxying (`access: public`) and is stated as a ratio to them, since
//! absolute figures belong to one machine on one day. CPU time is that of the `sidegate` process alone, as the kernel
//! counts it; load generator and upstream do not disturb it.
//!
//! `make bench` runs it with a private PostgreSQL and Redis. `SIDEGATE_BENCH_SECONDS` (default 2) is the length of a
//! round, `SIDEGATE_BENCH_BINARY` another `sidegate` to measure; `cargo bench --bench end_to_end -- TEXT` runs the
//! parts whose names hold TEXT (scenarios, growth, redis, budgets, logins, connections).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for people at a terminal; its figures are rounded"
)]

mod idle;
mod load;
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use load::{Load, Requests, Round, Running, ask, free_ports, until_ready};
use sidegate::{
    clock,
    keys::{Algorithm, provider},
};
use support::{Signers, knows_assertions, progress, redis_url, resident_bytes, routes};
use tempfile::TempDir;

fn main() {
    load::be_upstream_if_asked();
    provider::install();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parts: [(&str, fn()); 6] = [
        ("scenarios", scenarios),
        ("growth", growth),
        ("redis", redis_commands),
        ("budgets", budgets),
        ("logins", logins),
        ("connections", idle::connections),
    ];
    for (name, part) in parts {
        if wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str())) {
            part();
        }
    }
}

/// A running sidecar and what it needs.
struct Bench {
    sidegate: Running,
    listen: u16,
    admin: u16,
    started_in: Duration,
    signers: Signers,
    upstream_port: u16,
    dir: TempDir,
    _upstream: Running,
}

impl Bench {
    /// A verifier on one thread.
    fn start(more_routes: usize) -> Self {
        Self::start_with("  threads: 1\n", "revocation: { feed: none }\n", more_routes)
    }

    fn start_with(server: &str, sections: &str, more_routes: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let dir = tempfile::tempdir().unwrap();
        let [listen, admin, upstream_port] = free_ports();
        let signers = Signers::new();
        let namespace = format!("bench-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let (redis, issuers, routes) = (redis_url(), signers.issuers(), routes(more_routes));
        let config = format!(
            r#"
version: 1
server:
  listen: "127.0.0.1:{listen}"
  admin: "127.0.0.1:{admin}"
{server}
store:
  redis: {{ url: "{redis}", namespace: {namespace} }}
{sections}
{issuers}
upstreams: {{ app: {{ servers: ["http://127.0.0.1:{upstream_port}"] }} }}
{routes}
observability: {{ log: {{ format: json, level: warn }}, access_log: {{ sample: 0.0 }} }}
"#
        );
        let file = dir.path().join("sidegate.yaml");
        std::fs::write(&file, config).unwrap();
        let upstream = load::upstream(upstream_port);
        let mut command = Command::new(binary());
        command.args(["serve", "--config"]).arg(&file).stderr(Stdio::inherit());
        let sidegate = Running(command.spawn().unwrap());
        let started_in = until_ready(admin, "/readyz");
        let bench = Self {
            sidegate,
            listen,
            admin,
            started_in,
            signers,
            upstream_port,
            dir,
            _upstream: upstream,
        };
        until_ready(listen, "/plain/x");
        bench
    }

    /// Requests of `callers` to `path`.
    fn requests(&self, path: &str, algorithm: Algorithm, callers: std::ops::Range<usize>) -> Requests {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let now = clock::now().unix_timestamp();
        let file = self
            .dir
            .path()
            .join(format!("{}.requests", NEXT.fetch_add(1, Ordering::Relaxed)));
        Requests::write(
            file,
            path,
            callers.map(|caller| self.signers.token(algorithm, caller, now)),
        )
    }

    fn plain(&self) -> Requests {
        self.requests("/plain/x", Algorithm::Es256, 0..0)
    }

    fn round(&self, requests: &Requests) -> Round {
        self.load(
            requests,
            Load {
                connections: 16,
                length: round_length(),
                once: false,
            },
        )
    }

    /// Each request once.
    fn once(&self, requests: &Requests) -> Round {
        self.load(
            requests,
            Load {
                connections: 16,
                length: Duration::from_secs(20),
                once: true,
            },
        )
    }

    fn load(&self, requests: &Requests, load: Load) -> Round {
        load::round(self.dir.path(), self.listen, requests, &[self.sidegate.id()], load)
    }

    fn resident_mib(&self) -> f64 {
        resident_bytes(&self.sidegate.id().to_string()) as f64 / 1024.0 / 1024.0
    }

    /// A counter of `/metrics`, summed over the series whose labels hold `labels`.
    fn metric(&self, name: &str, labels: &str) -> f64 {
        let (_, text) = ask(self.admin, "GET", "/metrics", "").unwrap();
        let of_it = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(labels));
        of_it
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

/// Every kind of request, between rounds of plain proxying.
fn scenarios() {
    let bench = Bench::start(10);
    let plain = bench.plain();
    println!("\n### End to end, one proxying thread\n");
    println!("{}\n", machine());
    println!(
        "| | requests/s | CPU µs/request | p50 µs | p99 µs | resident MiB | requests/s ÷ plain | CPU ÷ plain | p99 ÷ plain |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    bench.round(&plain);
    row(
        &bench,
        "plain proxying (`access: public`)",
        &[bench.round(&plain), bench.round(&plain)],
        &[],
    );

    let es256 = Algorithm::Es256;
    let compare = |name: &str, requests: &Requests| {
        progress(name);
        let (mut plains, mut rounds) = (vec![bench.round(&plain)], Vec::new());
        for _ in 0..3 {
            rounds.push(bench.round(requests));
            plains.push(bench.round(&plain));
        }
        row(&bench, name, &rounds, &plains);
    };
    compare("cached token, 1 distinct", &bench.requests("/token/x", es256, 0..1));
    compare(
        "cached token, 1,000 distinct",
        &bench.requests("/token/x", es256, 0..1_000),
    );
    compare("policy of five rules", &bench.requests("/policy/x", es256, 0..1));
    compare("leased limit", &bench.requests("/limited/x", es256, 0..1));
    compare(
        "policy of five rules and leased limit",
        &bench.requests("/full/x", es256, 0..1),
    );
    if knows_assertions() {
        compare("assertion", &bench.requests("/asserted/x", es256, 0..1));
        let everything = bench.requests("/everything/x", es256, 0..1);
        compare("policy of five rules, leased limit and assertion", &everything);
    }

    progress("making 100,000 tokens and showing each once");
    let many = bench.requests("/token/x", Algorithm::Hs256, 100_000..200_000);
    bench.once(&many);
    compare("cached token, 100,000 distinct", &many);

    for (algorithm, count) in [
        (Algorithm::Es256, 20_000),
        (Algorithm::EdDsa, 20_000),
        (Algorithm::Rs256, 8_000),
    ] {
        let name = format!("cold token, {algorithm}");
        progress(&name);
        let first = 1_000_000;
        let requests = bench.requests("/token/x", algorithm, first..first + count);
        let missed = bench.metric("sidegate_cache_requests_total", "result=\"miss\"");
        let before = bench.round(&plain);
        let round = bench.once(&requests);
        let after = bench.round(&plain);
        let missed = bench.metric("sidegate_cache_requests_total", "result=\"miss\"") - missed;
        assert!(
            missed > round.requests * 0.99,
            "only {missed} of {} were new",
            round.requests
        );
        row(&bench, &name, &[round], &[before, after]);
    }
    drop(plain);
    others(&bench);
}

fn row(bench: &Bench, name: &str, rounds: &[Round], plains: &[Round]) {
    let round = Round::middle(rounds);
    let plain = if plains.is_empty() {
        round
    } else {
        Round::middle(plains)
    };
    println!(
        "| {name} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} | {:.3} | {:.3} | {:.2} |",
        round.per_second,
        round.cpu_micros,
        round.p50_micros,
        round.p99_micros,
        bench.resident_mib(),
        round.per_second / plain.per_second,
        round.cpu_micros / plain.cpu_micros,
        round.p99_micros / plain.p99_micros,
    );
}

/// nginx in front of the same application, between rounds of our plain proxying.
fn others(bench: &Bench) {
    progress("plain nginx");
    let [port] = free_ports();
    let dir = bench.dir.path();
    let config = format!(
        r"
daemon off; master_process off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header X-Forwarded-For $remote_addr; }}
  }}
}}
",
        dir = dir.display(),
        upstream = bench.upstream_port,
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let Ok(nginx) = Command::new("nginx").arg("-c").arg(&file).stderr(Stdio::null()).spawn() else {
        println!("\nnginx is not installed: not compared.");
        return;
    };
    let nginx = Running(nginx);
    until_ready(port, "/x");
    let plain = bench.plain();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(bench.round(&plain));
        let load = Load {
            connections: 16,
            length: round_length(),
            once: false,
        };
        theirs.push(load::round(dir, port, &plain, &[nginx.id()], load));
    }
    let resident = resident_bytes(&nginx.id().to_string()) as f64 / 1024.0 / 1024.0;
    let (theirs, ours) = (Round::middle(&theirs), Round::middle(&ours));
    println!(
        "| nginx, plain | {:.0} | {:.1} | {:.0} | {:.0} | {resident:.0} | {:.3} | {:.3} | {:.2} |",
        theirs.per_second,
        theirs.cpu_micros,
        theirs.p50_micros,
        theirs.p99_micros,
        theirs.per_second / ours.per_second,
        theirs.cpu_micros / ours.cpu_micros,
        theirs.p99_micros / ours.p99_micros,
    );
}

/// The cost of a request with ten and with ten thousand routes.
fn growth() {
    println!("\n### Routes, end to end\n");
    println!("| routes | CPU µs/request, plain | CPU µs/request, cached token | resident MiB |\n|---:|---:|---:|---:|");
    for more in [10, 1_000, 10_000] {
        progress(&format!("{more} routes"));
        let bench = Bench::start(more);
        let (plain, token) = (bench.plain(), bench.requests("/token/x", Algorithm::Es256, 0..1));
        bench.round(&plain);
        let (mut plains, mut tokens) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            plains.push(bench.round(&plain));
            tokens.push(bench.round(&token));
        }
        println!(
            "| {more} | {:.1} | {:.1} | {:.0} |",
            Round::middle(&plains).cpu_micros,
            Round::middle(&tokens).cpu_micros,
            bench.resident_mib()
        );
    }
}

/// What Redis was asked meanwhile, as it says itself.
fn redis_commands() {
    println!("\n### Redis commands per 10,000 requests\n");
    println!("| | commands | of which |\n|---|---:|---|");
    let bench = Bench::start(10);
    let es256 = Algorithm::Es256;
    let cases = [
        ("plain proxying", bench.plain()),
        (
            "cached token, 1,000 distinct",
            bench.requests("/token/x", es256, 0..1_000),
        ),
        ("leased limit, one user", bench.requests("/limited/x", es256, 0..1)),
    ];
    for (name, requests) in &cases {
        progress(name);
        bench.round(requests);
        let before = commands();
        let round = bench.round(requests);
        let asked: Vec<(String, u64)> = commands()
            .into_iter()
            .map(|(command, count)| {
                let earlier = before.iter().find(|(known, _)| *known == command);
                (command, count - earlier.map_or(0, |(_, count)| *count))
            })
            .filter(|(command, count)| {
                *count > 0 && !["info", "client|setinfo", "select", "auth"].contains(&command.as_str())
            })
            .collect();
        let per = |count: u64| count as f64 / round.requests * 10_000.0;
        let total: u64 = asked.iter().map(|(_, count)| count).sum();
        let parts: Vec<String> = asked
            .iter()
            .map(|(command, count)| format!("{command} {:.1}", per(*count)))
            .collect();
        println!("| {name} | {:.1} | {} |", per(total), parts.join(", "));
    }
    println!(
        "\nEvery session in use is noted \
         once in 15 seconds, whatever the traffic (`zadd`, `hset`, `pexpire`). Redis counts what a script calls as well: `evalsha` is \
         what a limit asked."
    );
}

/// Calls so far, by command.
fn commands() -> Vec<(String, u64)> {
    let client = redis::Client::open(redis_url()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let info: String = runtime.block_on(async {
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut connection)
            .await
            .unwrap()
    });
    info.lines()
        .filter_map(|line| {
            let (command, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((command.to_owned(), rest.split(',').next()?.parse().ok()?))
        })
        .collect()
}

/// How fast a verifier starts, and how little it is.
fn budgets() {
    progress("starting verifiers");
    println!("\n### A verifier that has nothing to do\n");
    println!("| ready after, ms (best, middle and worst of 5) | resident MiB |\n|---|---:|");
    let mut starts: Vec<f64> = Vec::new();
    let mut resident = 0.0_f64;
    for _ in 0..5 {
        let bench = Bench::start(10);
        starts.push(bench.started_in.as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(500));
        resident = resident.max(bench.resident_mib());
    }
    starts.sort_by(f64::total_cmp);
    println!(
        "| {:.0}, {:.0}, {:.0} | {resident:.1} |",
        starts[0], starts[2], starts[4]
    );
}

/// Proxied requests while two hundred people wait for their password to be hashed.
fn logins() {
    const WAITING: usize = 200;
    progress("200 logins that wait for bcrypt");
    let database = std::env::var("SIDEGATE_TEST_DATABASE_URL").expect("run `make bench`: it starts PostgreSQL");
    let sections = format!(
        r#"  postgres: {{ url: "{database}" }}
auth:
  issuer: "https://issuer.bench.test"
  audience: [bench]
  secret: "oWUlFXRfLm2xQfRi3ZKPxvM8F2EOxTKBXfUXz1Ie+YE="
  password: {{ queue: 256, wait: 60s }}
  login_limit: {{ per_ip: 1000000, per_account: 1000000 }}
"#
    );
    let bench = Bench::start_with(
        "  threads: 1\n  public_url: \"https://issuer.bench.test\"\n",
        &sections,
        10,
    );
    let token = bench.requests("/token/x", Algorithm::Es256, 0..1);
    // Few connections: this is about how long a request waits, not about how many fit.
    let load = Load {
        connections: 4,
        length: round_length(),
        once: false,
    };
    bench.load(&token, load);
    let idle = bench.load(&token, load);
    let listen = bench.listen;
    let busy = std::thread::scope(|threads| {
        for index in 0..WAITING {
            let body = format!(r#"{{"email":"nobody-{index}@example.com","password":"quarrel-lantern-71-osprey"}}"#);
            threads.spawn(move || ask(listen, "POST", "/auth/login", &body));
        }
        let begun = Instant::now();
        while bench.metric("sidegate_password_hash_queue_length", "") < WAITING as f64 / 2.0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "the logins do not wait");
            std::thread::sleep(Duration::from_millis(20));
        }
        let busy = bench.load(&token, load);
        let waiting = bench.metric("sidegate_password_hash_queue_length", "");
        assert!(
            waiting > 0.0,
            "the logins were over before the round was: shorten SIDEGATE_BENCH_SECONDS"
        );
        busy
    });
    println!("\n### A cached token while {WAITING} logins wait for bcrypt\n");
    println!("| | requests/s | p50 µs | p99 µs |\n|---|---:|---:|---:|");
    for (name, round) in [("idle", idle), ("200 logins waiting", busy)] {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} |",
            round.per_second, round.p50_micros, round.p99_micros
        );
    }
    println!("\np99 ÷ idle: {:.2}", busy.p99_micros / idle.p99_micros);
}

fn round_length() -> Duration {
    let seconds = std::env::var("SIDEGATE_BENCH_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// The binary of the same build, or another one to compare with.
fn binary() -> PathBuf {
    std::env::var_os("SIDEGATE_BENCH_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_sidegate").into(), PathBuf::from)
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    format!(
        "Machine: {cores} cores of {}, Linux {}; load of the minute before: {}.",
        model.trim_start_matches(['\t', ' ', ':']),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}
