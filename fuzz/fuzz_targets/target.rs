//! A target that passes has one route on every server: the gate's decision against what servers make of the path.

#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use sidegate::config::{self, Loaded};
use sidegate::gate::Request;
use sidegate::gate::explain::explain;
use sidegate::gate::target::Target;

/// A public application with protected parts, which allows everything.
static RULES: LazyLock<Loaded> = LazyLock::new(|| {
    let route = |id, path| {
        format!(
            "  - {{ id: {id}, match: {{ path: {path} }}, upstream: app, access: public, \
             allow: {{ encoded_slash: true, semicolon: true, double_slash: true }} }}\n"
        )
    };
    let text = format!(
        "version: 1\nstore: {{ redis: {{ url: 'redis://127.0.0.1:9' }} }}\n\
         issuers: [{{ issuer: 'https://issuer.test', audience: [app], hs256_secret: 5c1f0a9e37b24d86a1e0c97f42d85b63 }}]\n\
         upstreams: {{ app: {{ servers: ['http://127.0.0.1:9'] }} }}\nroutes:\n{}{}{}{}",
        route("open", "/**"),
        route("a", "/a/**"),
        route("b", "/a/b"),
        route("c", "/*/c/**")
    );
    config::parse("routes.yaml", &text, &|_| None).expect("the routes are valid")
});

fuzz_target!(|raw: &[u8]| {
    let Ok(target) = Target::read(raw) else { return };
    let path = raw.split(|&byte| byte == b'?').next().unwrap_or_default();
    let Some(passed) = route(&target) else { return };
    for server in [
        |path: &[u8]| merged(&decoded(&cut(path))),
        |path: &[u8]| decoded(&cut(path)),
        |path: &[u8]| merged(&decoded(path)),
        |path: &[u8]| merged(&cut(&merged(&decoded(path)))),
        |path: &[u8]| until_semicolon(&decoded(path)),
        |path: &[u8]| until_semicolon(path),
        |path: &[u8]| without_host(path),
        |path: &[u8]| decoded(&without_host(&cut(path))),
    ] {
        let served = server(path);
        let served = String::from_utf8_lossy(&served);
        let found = RULES.snapshot.rules.routes.find("app.test", &served, &Method::GET);
        let found = found.expect("/** matches everything").id.to_string();
        assert_eq!(found, passed, "{} is served as {served}", String::from_utf8_lossy(path));
        assert!(!served.split('/').any(|segment| segment == "." || segment == ".."), "{served}");
    }
});

fn route(target: &Target<'_>) -> Option<String> {
    let request = Request {
        method: &Method::GET,
        host: "app.test",
        target: target.clone(),
        headers: &HeaderMap::new(),
        address: [192, 0, 2, 1].into(),
    };
    let explained = explain(&request, None, &RULES.snapshot.rules, sidegate::clock::now());
    explained.route.filter(|_| explained.denial.is_none()).map(|route| route.id.to_string())
}

fn cut(path: &[u8]) -> Vec<u8> {
    path.split(|&byte| byte == b'/').map(until_semicolon).collect::<Vec<_>>().join(&b'/')
}

fn until_semicolon(path: &[u8]) -> Vec<u8> {
    path.iter().take_while(|&&byte| byte != b';').copied().collect()
}

fn merged(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    path.dedup_by(|one, other| *one == b'/' && *other == b'/');
    path
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                out.push(octet);
                rest = &tail[2..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

fn without_host(path: &[u8]) -> Vec<u8> {
    let Some(rest) = path.strip_prefix(b"//") else { return path.to_vec() };
    let behind: Vec<u8> = rest.iter().skip_while(|&&byte| byte != b'/').copied().collect();
    if behind.is_empty() { b"/".to_vec() } else { behind }
}
