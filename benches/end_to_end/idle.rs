//! The memory of connections that are idle after one request, and what is left of it when they have gone.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Bench;
use super::support::progress;

/// The number of connections.
const CONNECTIONS: usize = 10_000;
/// When the memory is to be given back, after they are closed.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// Measures and prints the table.
pub(super) fn connections() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let server = format!(
        "  threads: 1\n  limits: {{ idle: 10m, connections: {} }}\n",
        2 * CONNECTIONS
    );
    let bench = Bench::start_with(&server, "", 10);
    progress(&format!("{CONNECTIONS} idle connections"));
    let _warm: Vec<_> = (0..100).map(|_| used(bench.listen)).collect();
    let before = bench.resident_mib();
    let held: Vec<_> = (0..CONNECTIONS).map(|_| used(bench.listen)).collect();
    let idle = bench.resident_mib();
    drop(held);
    progress("waiting for their memory");
    let begun = Instant::now();
    let mut after = bench.resident_mib();
    while begun.elapsed() < AFTERWARDS {
        std::thread::sleep(Duration::from_secs(1));
        after = after.min(bench.resident_mib());
    }
    println!("\n### Idle connections\n");
    println!(
        "| connections | resident MiB before | idle after one request each | KiB each | at best within {} s after they closed |",
        AFTERWARDS.as_secs()
    );
    println!("|---:|---:|---:|---:|---:|");
    println!(
        "| {CONNECTIONS} | {before:.1} | {idle:.1} | {:.1} | {after:.1} |",
        (idle - before) * 1024.0 / CONNECTIONS as f64
    );
}

/// A connection that has had one request.
fn used(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(b"GET /plain/x HTTP/1.1\r\nHost: bench.test\r\n\r\n")
        .unwrap();
    let mut answer = [0; 4096];
    let mut read = 0;
    while !answer[..read].ends_with(b"\r\n\r\nok") {
        let more = stream.read(&mut answer[read..]).unwrap();
        assert!(more > 0, "the connection was closed");
        read += more;
    }
    stream
}
