//! The configuration of a sidecar under test: a base, and the changes of the test.

use std::net::SocketAddr;

use serde_yaml::Value;

/// The secret of the tests: 32 random bytes, because a value that can be guessed is refused.
pub const SECRET: &str = "rSkaqgPrt6SGbx2w9cUw3cj0G+CcO+EgBf4Wx4NVpyA=";

/// The `iss` of tokens in tests, the same for all instances that share stores.
pub const ISSUER: &str = "http://sidegate.test";

/// The `aud` of tokens in tests.
pub const AUDIENCE: &str = "test";

/// The values that the base needs.
#[derive(Debug)]
pub struct Places<'a> {
    pub listen: u16,
    pub admin: u16,
    pub database_url: &'a str,
    pub redis_url: &'a str,
    pub namespace: &'a str,
    pub upstream: SocketAddr,
}

/// The configuration that a test changes: an issuer with open registration, cheap passwords, limits that no test meets
/// by accident, one upstream called `app`, no route, and a mail server that is not there: messages stay in the queue,
/// where `Sidecar::queued_messages` reads them.
pub fn base(places: &Places<'_>) -> Value {
    let Places {
        listen,
        admin,
        database_url,
        redis_url,
        namespace,
        upstream,
    } = places;
    parse(&format!(
        r#"
version: 1
server:
  listen: 127.0.0.1:{listen}
  admin: 127.0.0.1:{admin}
  public_url: http://127.0.0.1:{listen}
  shutdown: {{ drain_delay: 0s, grace_period: 5s }}
store:
  postgres: {{ url: "{database_url}", pool: {{ max: 10 }} }}
  redis: {{ url: "{redis_url}", namespace: {namespace} }}
auth:
  issuer: {ISSUER}
  audience: [{AUDIENCE}]
  secret: "{SECRET}"
  registration: {{ mode: open }}
  password: {{ cost: 4 }}
  login_limit: {{ per_ip: 10000, per_account: 10000 }}
  limits:
    registration: {{ per_ip: 100000/1m, per_account: 100000/1m }}
    password_reset: {{ per_ip: 100000/1m, per_account: 100000/1m }}
    verification: {{ per_ip: 100000/1m, per_account: 100000/1m }}
    mfa: {{ per_ip: 100000/1m, per_account: 100000/1m }}
  mail:
    from: "Sidegate <no-reply@sidegate.test>"
    smtp: {{ url: "smtp://127.0.0.1:1?tls=none" }}
    retry: {{ first: 60m }}
upstreams:
  app: {{ servers: ["http://{upstream}"] }}
routes: []
"#
    ))
}

/// A route for everything that `path` matches, named after it.
pub fn route(path: &str, access: &str) -> Value {
    let mut id: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    id = id.trim_matches('-').to_owned();
    if id.is_empty() {
        "all".clone_into(&mut id);
    }
    parse(&format!(
        r#"{{ id: "{id}", match: {{ path: "{path}" }}, upstream: app, access: "{access}" }}"#
    ))
}

/// Reads a fragment of YAML.
pub fn parse(yaml: &str) -> Value {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error} in the test's own configuration:\n{yaml}"))
}

/// Lays `over` on `under`: mappings key by key, everything else as a whole, and `null` takes a key away.
pub fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Mapping(under), Value::Mapping(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    under.remove(&key);
                } else {
                    merge(under.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (under, over) => *under = over,
    }
}
