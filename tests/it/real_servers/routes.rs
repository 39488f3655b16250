//! The routes that the servers have, as routes of Sidegate with every combination of `allow`, and the gate's decision.

use std::fmt;

use http::{HeaderMap, Method};
use sidegate::config::{self, Loaded};
use sidegate::gate::Request;
use sidegate::gate::explain::explain;
use sidegate::gate::target::{Target, without_prefix};

/// The routes of every server.
const ROUTES: [(&str, &str); 4] = [
    ("open", "/**"),
    ("admin", "/admin/**"),
    ("files", "/files/**"),
    ("private", "/files/private/**"),
];

/// What the routes allow, and whether they are below a prefix that is stripped.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of a route, as in its configuration"
)]
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    encoded_slash: bool,
    semicolon: bool,
    double_slash: bool,
    stripped: bool,
}

impl Allowed {
    /// All combinations; the last one allows everything.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..16_u8).map(|bits| Self {
            encoded_slash: bits & 1 != 0,
            semicolon: bits & 2 != 0,
            double_slash: bits & 4 != 0,
            stripped: bits & 8 == 0,
        })
    }

    /// The target of a request that an application should get as this one.
    pub fn place(self, target: &str) -> String {
        format!("{}{target}", self.prefix())
    }

    pub fn routes(self) -> Vec<String> {
        let strip = if self.stripped { ", strip_prefix: /app" } else { "" };
        let route = |(id, path)| {
            format!(
                "{{ id: {id}, match: {{ path: {}{path} }}, upstream: app, access: public{strip}, \
                 allow: {{ encoded_slash: {}, semicolon: {}, double_slash: {} }} }}",
                self.prefix(),
                self.encoded_slash,
                self.semicolon,
                self.double_slash
            )
        };
        ROUTES.map(route).to_vec()
    }

    fn prefix(self) -> &'static str {
        if self.stripped { "/app" } else { "" }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = [
            (self.encoded_slash, "%2F"),
            (self.semicolon, ";"),
            (self.double_slash, "//"),
            (self.stripped, "strip"),
        ];
        let allowed: Vec<_> = allowed.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        write!(f, "[{}]", allowed.join(" "))
    }
}

/// The gate with these routes.
pub struct Judge {
    loaded: Loaded,
    stripped: bool,
}

impl Judge {
    pub fn new(allowed: Allowed) -> Self {
        let text = format!(
            "version: 1\nstore: {{ redis: {{ url: 'redis://127.0.0.1:9' }} }}\n\
             issuers: [{{ issuer: 'https://issuer.test', audience: [app], hs256_secret: 5c1f0a9e37b24d86a1e0c97f42d85b63 }}]\n\
             upstreams: {{ app: {{ servers: ['http://127.0.0.1:9'] }} }}\nroutes:\n  - {}\n",
            allowed.routes().join("\n  - ")
        );
        Self {
            loaded: config::parse("paths.yaml", &text, &|_| None).unwrap(),
            stripped: allowed.stripped,
        }
    }

    /// The route that a target passes for, and what is forwarded.
    pub fn judge(&self, target: &str) -> Option<(String, String)> {
        let headers = HeaderMap::new();
        let request = Request {
            method: &Method::GET,
            host: "app.test",
            target: Target::read(target.as_bytes()).ok()?,
            headers: &headers,
            address: [192, 0, 2, 1].into(),
        };
        let explained = explain(&request, None, &self.loaded.snapshot.rules, sidegate::clock::now());
        if explained.denial.is_some() {
            return None;
        }
        let forwarded = if self.stripped {
            String::from_utf8(without_prefix(target.as_bytes(), "/app").unwrap().into()).unwrap()
        } else {
            target.to_owned()
        };
        Some((explained.route.unwrap().id.to_string(), forwarded))
    }
}
