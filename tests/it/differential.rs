//! The upstream receives what the gate authorized: random requests, each sent byte for byte through the real binary to
//! a server of another implementation (hyper), which reports how it parsed them.
//!
//! `SIDEGATE_DIFFERENTIAL_CASES=100000` tries more; the seed of a run is printed with a failure and can be given back
//! as `SIDEGATE_DIFFERENTIAL_SEED`.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::TestSidecar;

/// The routes: public ones, forbidden ones, and read-only ones.
const ROUTES: [&str; 4] = [
    "{ id: open, match: { path: /open/** }, upstream: app, access: public }",
    "{ id: reads, match: { path: /mixed/**, methods: [GET, HEAD] }, upstream: app, access: public }",
    "{ id: rest, match: { path: /** }, upstream: app, access: authenticated }",
    "{ id: lenient, match: { path: /lenient/** }, upstream: app, access: public, \
     allow: { encoded_slash: true, semicolon: true, double_slash: true } }",
];

/// A request as hyper parsed it.
#[derive(Debug, Clone)]
struct Understood {
    method: String,
    target: String,
    headers: http::HeaderMap,
    /// `None` if it was incomplete.
    body: Option<Vec<u8>>,
}

type Log = Arc<Mutex<Vec<Understood>>>;

async fn hyper_server(log: Log) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let service = service_fn(move |request| understand(request, Arc::clone(&log)));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

async fn understand(request: http::Request<Incoming>, log: Log) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    log.lock().unwrap().push(Understood {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body,
    });
    Ok(http::Response::new(Full::default()))
}

/// The bytes to send, and their intended meaning.
#[derive(Debug, Clone)]
struct Sent {
    bytes: Vec<u8>,
    method: String,
    target: Vec<u8>,
    /// What follows the header block.
    rest: Vec<u8>,
}

/// The placeholder of the request's number.
const NUMBER: &[u8] = b"########";

impl Sent {
    /// The number identifies a request where it arrives; a request without one was smuggled.
    fn numbered(mut self, number: usize) -> Self {
        let at = self
            .bytes
            .windows(NUMBER.len())
            .position(|window| window == NUMBER)
            .unwrap();
        self.bytes[at..at + NUMBER.len()].copy_from_slice(format!("{number:08}").as_bytes());
        self
    }
}

/// Mostly valid, with one odd part now and then: a request with five odd parts is refused for the first and does not
/// test the others.
fn target() -> impl Strategy<Value = Vec<u8>> {
    const STARTS: &[&str] = &["/open", "/open/a", "/mixed/a", "/lenient", "/lenient/a"];
    const ODD_STARTS: &[&str] = &[
        "/",
        "",
        "/api",
        "http://a/open",
        "//open",
        "/open/..",
        "*",
        "/Open",
        "/%6fpen",
    ];
    const PLAIN: &[&[u8]] = &[
        b"/",
        b"/b",
        b"/%61pi",
        b"/api",
        b"/open",
        b"~",
        b"%C3%A9",
        b"?a=/../api",
        b"?a=%2e%2e",
        b"&",
        b":80",
        b"@b",
        b"/..a",
    ];
    const ODD: &[&[u8]] = &[
        b"//",
        b"/..",
        b"/../",
        b"/.",
        b"..;",
        b";x=1",
        b"%2f",
        b"%2F..",
        b"%5c..",
        b"\\",
        b"%2e%2e/",
        b"%252e",
        b"%00",
        b"%3b",
        b"%0d%0a",
        b"%c0%ae",
        b"#",
        b"%3f",
        b"%23",
        b" ",
        b"\xc3\xa9",
        b"\t",
        b" HTTP/1.1",
    ];
    let start = prop_oneof![6 => proptest::sample::select(STARTS), 1 => proptest::sample::select(ODD_STARTS)];
    let piece = prop_oneof![
        12 => proptest::sample::select(PLAIN).prop_map(<[u8]>::to_vec),
        3 => proptest::sample::select(ODD).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..3),
    ];
    (start, vec(piece, 0..4)).prop_map(|(start, pieces)| [start.as_bytes(), &pieces.concat()].concat())
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    const TAKEN_AWAY: &[&[u8]] = &[
        b"X-Forwarded-User: root",
        b"X_Forwarded_User: root",
        b"X.Forwarded.User: root",
        b"X-Forwarded-Groups: root",
        b"X-Sidegate-Assertion: root",
        b"X-Original-URL: /api",
        b"X-HTTP-Method-Override: DELETE",
        b"X-Request-Id: mine",
        b"Connection: X-Forwarded-User",
        b"Connection: close",
        b"Connection: keep-alive, te",
        b"Upgrade: h2c",
        b"TE: trailers",
        b"Expect: 100-continue",
        b"Trailer: X-Forwarded-User",
        b"X-A: \xff",
        b"Accept: */*",
    ];
    const ODD: &[&[u8]] = &[
        b"Content-Length: 0",
        b"Content-Length: +5",
        b"Content-Length: 5, 5",
        b"content_length: 3",
        b"Content-Length : 5",
        b"Content-Length: 40",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer_Encoding: chunked",
        b"Connection: content-length",
        b"Host: b",
        b"Host:",
        b"hOsT: a",
        b"Upgrade: websocket",
        b" folded: x",
        b"no colon",
        b"X-A: b\r",
        b"X-A: b\nX-Forwarded-User: root",
        b"X-A:\0",
        b": empty",
        b"X A: b",
    ];
    prop_oneof![
        12 => proptest::sample::select(TAKEN_AWAY).prop_map(<[u8]>::to_vec),
        2 => proptest::sample::select(ODD).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..12),
    ]
}

/// A header with the length of the body, and what follows the header block.
fn body() -> impl Strategy<Value = (&'static [u8], Vec<u8>)> {
    const LENGTH: &[u8] = b"Content-Length: 5";
    const CHUNKED: &[u8] = b"Transfer-Encoding: chunked";
    const NEXT: &str = "GET /open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let good = vec![
        (b"".as_slice(), String::new()),
        (LENGTH, "hello".to_owned()),
        (LENGTH, format!("hello{NEXT}")),
        (CHUNKED, "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (CHUNKED, format!("0\r\n\r\n{NEXT}")),
        (
            CHUNKED,
            format!("5;x=y\r\nhello\r\n0\r\nX-Forwarded-User: root\r\n\r\n{NEXT}"),
        ),
    ];
    let odd = vec![
        (b"".as_slice(), NEXT.to_owned()),
        (LENGTH, "hel".to_owned()),
        (CHUNKED, "5\nhello\n0\n\n".to_owned()),
        (CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (CHUNKED, "fffffffffffffffff5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (CHUNKED, format!("5\r\nhelloX\r\n0\r\n\r\n{NEXT}")),
        (CHUNKED, format!("-5\r\nhello\r\n0\r\n\r\n{NEXT}")),
        (
            b"Transfer-Encoding: chunked\r\nContent-Length: 5",
            format!("0\r\n\r\n{NEXT}"),
        ),
        (b"Content-Length: 5\r\nContent-Length: 0", format!("hello{NEXT}")),
    ];
    let choice = prop_oneof![5 => proptest::sample::select(good), 1 => proptest::sample::select(odd)];
    choice.prop_map(|(field, rest)| (field, rest.into_bytes()))
}

fn request() -> impl Strategy<Value = Sent> {
    const METHODS: &[&str] = &[
        "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO", "get", "GET ",
    ];
    const VERSIONS: &[&str] = &["HTTP/1.0", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/1.1\t"];
    (
        proptest::sample::select(METHODS),
        target(),
        prop_oneof![12 => Just("HTTP/1.1"), 1 => proptest::sample::select(VERSIONS)],
        vec(field(), 0..3),
        proptest::bool::weighted(0.97),
        prop_oneof![20 => Just("\r\n"), 1 => Just("\n")],
        body(),
    )
        .prop_map(|(method, target, version, fields, host, end, (length, rest))| {
            let line = [method.as_bytes(), b" ", &target, b" ", version.as_bytes()].concat();
            let mut head = vec![line, [b"X-Case: ", NUMBER].concat()];
            head.extend(host.then(|| b"Host: a".to_vec()));
            head.extend((!length.is_empty()).then(|| length.to_vec()));
            head.extend(fields);
            head.extend([Vec::new(), rest.clone()]);
            Sent {
                bytes: head.join(end.as_bytes()),
                method: method.trim().to_owned(),
                target,
                rest,
            }
        })
}

/// The path as a lenient application would interpret it: escapes decoded, slashes of either kind merged, parameters
/// removed, and `..` resolved.
fn careless(target: &str) -> Vec<String> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let bytes = path.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = escape.filter(|_| bytes[at] == b'%');
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    let mut segments = Vec::new();
    for segment in String::from_utf8_lossy(&decoded).split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_owned()),
        }
    }
    segments
}

/// The parsed request has to be what was sent, and what the gate allows.
fn check(sent: &Sent, understood: &Understood) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{what}: {understood:?}"));
    if understood.method != sent.method {
        return fail("another method");
    }
    // Absolute-form becomes origin-form, and bytes that no target may hold are escaped; nothing else is touched.
    let expected = sent.target.strip_prefix(b"http://a").unwrap_or(&sent.target);
    if understood.target.as_bytes() != expected && understood.target != escaped(expected) {
        return fail("another target");
    }
    let segments = careless(&understood.target);
    let reads = ["GET", "HEAD"].contains(&understood.method.as_str());
    match segments.first().map(String::as_str) {
        Some("open" | "lenient") => {}
        Some("mixed") if reads => {}
        _ => return fail("nobody may reach this without a token"),
    }
    for (name, value) in &understood.headers {
        if value.as_bytes().windows(4).any(|window| window == b"root") && !name.as_str().starts_with("x-a") {
            return fail("a forged identity");
        }
        if ["x-original-url", "x-http-method-override", "x-sidegate-assertion"].contains(&name.as_str()) {
            return fail("a header that asks for another reading");
        }
    }
    if understood.headers.contains_key("content-length") && understood.headers.contains_key("transfer-encoding") {
        return fail("two lengths");
    }
    match &understood.body {
        // The body that the client sent, with chunks joined, and nothing that came after it.
        Some(body) if !body.is_empty() && !contains(&sent.rest, body) => fail("another body"),
        _ => Ok(()),
    }
}

fn escaped(target: &[u8]) -> String {
    let escape = |&byte: &u8| match byte {
        b'!'..=b'~' if !b"\"<>".contains(&byte) => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    target.iter().map(escape).collect()
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

fn cases() -> usize {
    std::env::var("SIDEGATE_DIFFERENTIAL_CASES").map_or(1_500, |cases| cases.parse().unwrap())
}

fn seed() -> [u8; 32] {
    let seed = std::env::var("SIDEGATE_DIFFERENTIAL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::try_from(sidegate::clock::now().unix_timestamp()).unwrap());
    println!("SIDEGATE_DIFFERENTIAL_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

/// Sends a request on a connection of its own, and reads until nothing more arrives. The response does not matter here.
async fn send(port: u16, bytes: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut buffer = [0; 4096];
    let mut wait = Duration::from_secs(2);
    while let Ok(Ok(1..)) = tokio::time::timeout(wait, stream.read(&mut buffer)).await {
        wait = Duration::from_millis(20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authorized_path_is_what_another_servers_parser_gets() {
    let log = Log::default();
    let server = hyper_server(Arc::clone(&log)).await;
    let mut sidecar = TestSidecar::new().config(&format!("upstreams: {{ app: {{ servers: ['http://{server}'] }} }}"));
    for route in ROUTES {
        sidecar = sidecar.route_yaml(route);
    }
    let sidecar = sidecar.start().await;
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed()));
    let drawn = |number| request().new_tree(&mut runner).unwrap().current().numbered(number);
    let sent: Vec<Sent> = (0..cases()).map(drawn).collect();
    let sending = futures::stream::iter(&sent).for_each_concurrent(32, |sent| send(sidecar.port(), &sent.bytes));
    sending.await;

    let understood = log.lock().unwrap().clone();
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for one in &understood {
        let number = one
            .headers
            .get("x-case")
            .and_then(|number| number.to_str().ok()?.parse::<usize>().ok());
        let verdict = match number {
            None => Err(format!("a request that nobody sent as one: {one:?}")),
            Some(number) if !seen.insert(number) => Err(format!("one request became several: {one:?}")),
            Some(number) => check(&sent[number], one).map_err(|difference| {
                format!(
                    "{difference}\n  sent: {:?}",
                    String::from_utf8_lossy(&sent[number].bytes)
                )
            }),
        };
        wrong.extend(verdict.err());
    }
    wrong.sort_by_key(String::len);
    println!("{} of {} requests reached the upstream", understood.len(), sent.len());
    assert!(wrong.is_empty(), "{} wrong, the shortest:\n{}", wrong.len(), wrong[0]);
    assert!(
        understood.len() > sent.len() / 10,
        "so few arrived that the property says little"
    );
}
