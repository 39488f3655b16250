//! The configuration for an operator: each mistake with the line that is printed, and the shipped files.

mod sources;
mod trust;
mod weak_secrets;

use std::collections::HashMap;

use sidegate::config::{self, Loaded};

/// A configuration without mistakes, for tests that add one.
const GOOD: &str = r#"
version: 1
server: { public_url: https://gw.test }
store:
  postgres: { url: postgres://u:hunter2@db/x }
  redis: { url: redis://:hunter2@cache/0 }
auth:
  audience: [app]
  secret: "YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk="
upstreams:
  app: { servers: [http://app:8000] }
policies:
  staff: [{ allow: { role: staff } }]
rate_limits:
  per-user: { key: user, limit: 600/1m }
routes:
  - id: app
    match: { path: /** }
    upstream: app
    access: staff
    rate_limits: [per-user]
"#;

fn parse(text: &str) -> Result<Loaded, Vec<String>> {
    parse_with(text, &[])
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let environment = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    config::parse("f", text, &environment).map_err(|errors| errors.to_string().lines().map(str::to_owned).collect())
}

/// The variables that the shipped files need: they contain no secret.
const SHIPPED: &[(&str, &str)] = &[
    ("SIDEGATE_SECRET", "YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk="),
    ("SIDEGATE_DEV_SECRET", "YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk="),
    ("BILLING_SECRET", "ce884a091e9081d0b6485e3ea1cbbcfa"),
];

/// The lines printed for `GOOD` with `from` replaced by `to`, without `f:line:column: `.
fn printed(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let lines = parse(&GOOD.replace(from, to)).map(drop).expect_err(to);
    lines
        .into_iter()
        .map(|line| line.splitn(4, ':').last().unwrap_or(&line).trim().to_owned())
        .collect()
}

#[test]
fn the_good_file_is_good() {
    let loaded = parse(GOOD).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.boot.auth.unwrap().issuer, "https://gw.test");
    assert_eq!(loaded.snapshot.rules.routes.iter().count(), 1);
}

#[test]
fn three_mistakes_are_three_lines_with_their_places() {
    let text = GOOD
        .replace("access: staff", "acess: staff")
        .replace("600/1m", "600")
        .replace("upstream: app", "upstream: ap");
    assert_eq!(
        parse(&text).unwrap_err(),
        [
            "f:15:26: rate_limits.per-user.limit: expected a rate such as 10/1m, got 600",
            r#"f:19:5: routes[0].upstream: expected the name of an upstream, got "ap" (did you mean `app`?)"#,
            "f:20:5: routes[0].acess: unknown key (did you mean `access`?)",
        ]
    );
}

/// The text in `GOOD`, its replacement, and the only line that is printed then.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("version: 1", "version: 2", "version: expected 1, got 2"),
    (
        "version: 1",
        "version: one",
        "version: expected a whole number, got a string",
    ),
    ("version: 1\n", "", "version: is required: 1"),
    (
        "server: {",
        "sever: {}\nserver: {",
        "sever: unknown key (did you mean `server`?)",
    ),
    (
        "server: {",
        "server: { listen: 8080,",
        "server.listen: expected an IP address and a port such as 0.0.0.0:8080 or [::]:8080, got 8080",
    ),
    (
        "server: {",
        "server: { tls: { cert: a },",
        "server.tls: not available in this version",
    ),
    (
        "server: {",
        "server: { threads: 0,",
        "server.threads: expected 1 to 1024, got 0",
    ),
    (
        "server: {",
        "server: { limits: { idle: 5 },",
        "server.limits.idle: expected a duration such as 250ms, 10s, 5m, 12h or 30d, got 5",
    ),
    (
        "server: {",
        "server: { limits: { headers: 300 },",
        "server.limits.headers: expected 1 to 256, got 300",
    ),
    (
        "server: {",
        "server: { trusted_proxies: [10.0.0.0/8, 10.1.1.1/8],",
        r#"server.trusted_proxies[1]: expected a network without host bits such as 10.0.0.0/8, got "10.1.1.1/8""#,
    ),
    (
        "server: {",
        "server: { shutdown: { drain_delay: 30s },",
        "server.shutdown.drain_delay: expected less than grace_period (20s), got 30s: nothing would have time to finish",
    ),
    (
        "server: {",
        "server: { listen: '0.0.0.0:0',",
        "server.listen: expected a port from 1 to 65535, got 0.0.0.0:0",
    ),
    (
        "server: {",
        "server: { admin: '[::1]:0',",
        "server.admin: expected a port from 1 to 65535, got [::1]:0",
    ),
    (
        "server: {",
        "server: { admin: 0.0.0.0:8080,",
        "server.admin: is the same address as server.listen: metrics would be public",
    ),
    (
        "{ url: postgres://u:hunter2@db/x }",
        "postgres://u:hunter2@db/x",
        "store.postgres: expected a map of keys, got a string",
    ),
    (
        "redis: { url: redis://:hunter2@cache/0 }",
        "redis: {}",
        "store.redis.url: is required",
    ),
    (
        "  redis: { url: redis://:hunter2@cache/0 }\n",
        "",
        "store.redis: is required",
    ),
    (
        "  audience: [app]\n",
        "",
        "auth.audience: is required: the accepted values of `aud`",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a, transport: log }\n",
        r#"auth.mail.from: expected an email address such as no-reply@example.com or Example <no-reply@example.com>, got "a""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { transport: log }\n",
        "auth.mail.from: is required",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test }\n",
        "auth.mail.smtp: is required",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, smtp: { url: smtp://user:hunter2@mail.test } }\n",
        "auth.mail.smtp.url: expected a URL such as smtp://mail.example.com:587 or smtps://mail.example.com:465; user and password have keys of their own",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, smtp: { url: smtp://mail.test?tls=none } }\n",
        "auth.mail.smtp.url: expected `tls=none` only for a server on this machine: email would be sent in plain text",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, smtp: { url: smtp://mail.test, user: u } }\n",
        "auth.mail.smtp.password: is required with `user`",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, smtp: { url: smtp://mail.test, ca_file: /nowhere } }\n",
        "auth.mail.smtp.ca_file: cannot read the file /nowhere: No such file or directory (os error 2)",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, transport: log, smtp: { url: smtp://mail.test } }\n",
        "auth.mail.smtp: is only for `transport: smtp`",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, transport: file }\n",
        "auth.mail.directory: is required",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, transport: log, templates: /nowhere }\n",
        "auth.mail.templates: /nowhere: cannot be read: No such file or directory (os error 2)",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, transport: log, links: { reset: \"http://evil.test/{token}\" } }\n",
        r#"auth.mail.links.reset: expected a URL below server.public_url, or any with https, with one {token} in its path, query or fragment, got "http://evil.test/{token}""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  mail: { from: a@b.test, transport: log, retry: { first: 1h, max: 1m } }\n",
        "auth.mail.retry.max: expected at least first (1h), got 1m",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  registration: { invitation: { ttl: 1s } }\n",
        "auth.registration.invitation.ttl: expected 5m to 90d, got 1s",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  email: { verification: required }\n",
        "auth.mail: is required, because auth.email.verification is `required`: codes are sent by email",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  email: { verification: maybe }\n",
        r#"auth.email.verification: expected required | optional, got "maybe""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password_reset: { ttl: 10d }\n",
        "auth.password_reset.ttl: expected 1m to 1d, got 10d",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  registration: { mode: opne }\n",
        r#"auth.registration.mode: expected open | invitation | closed, got "opne""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password: { cost: 3 }\n",
        "auth.password.cost: expected 4 to 20, got 3",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password: { hash: scrypt }\n",
        r#"auth.password.hash: expected bcrypt | argon2id, got "scrypt""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password: { hash: argon2id, memory: 32KiB }\n",
        "auth.password.memory: expected 64KiB to 1GiB, got 32KiB",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password: { hash: argon2id, memory: 1GiB, workers: 5 }\n",
        "auth.password.memory: expected at most 4GiB for all 5 workers together, got 1GiB",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  password: { iterations: 0 }\n",
        "auth.password.iterations: expected 1 to 64, got 0",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  limits: { mfa: { per_account: 0/1m } }\n",
        r#"auth.limits.mfa.per_account: expected a rate such as 10/1m, got "0/1m""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  access_token: { jitter: 5 }\n",
        "auth.access_token.jitter: expected a percentage from 0% to 100%, got 5",
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  base_path: /\n",
        r#"auth.base_path: expected a path such as /auth, without a slash at its end, got "/""#,
    ),
    (
        "  audience: [app]\n",
        "  audience: [app]\n  refresh_token: { session_max: 1d }\n",
        "auth.refresh_token.session_max: expected at least ttl (30d), got 1d",
    ),
    (
        "servers: [http://app:8000]",
        "servers: []",
        "upstreams.app.servers: expected at least one server",
    ),
    (
        "servers: [http://app:8000]",
        "servers: [http://u:hunter2@app]",
        "upstreams.app.servers[0]: expected a server such as http://wiki:8080, without a path, without user and password",
    ),
    (
        "upstreams:\n",
        "upstreams:\n  App: { servers: [http://b] }\n",
        r#"upstreams.App: expected a name of 1 to 63 characters of a-z, 0-9 and -, got "App""#,
    ),
    (
        "key: user",
        "key: users",
        r#"rate_limits.per-user.key: expected ip | user | session | route, got "users""#,
    ),
    (
        "key: user, ",
        "",
        "rate_limits.per-user.key: is required: one or more of ip, user, session, route",
    ),
    (
        "- id: app",
        "- id: App",
        r#"routes[0].id: expected a name of 1 to 63 characters of a-z, 0-9 and -, got "App""#,
    ),
    (
        "    access: staff\n",
        "",
        "routes[0].access: is required: public, optional, authenticated, or the name of a policy",
    ),
    (
        "access: staff",
        "access: stafff",
        r#"routes[0].access: expected the name of a policy, got "stafff" (did you mean `staff`?)"#,
    ),
    (
        "access: staff",
        "access: publik",
        r#"routes[0].access: expected the name of a policy, got "publik" (did you mean `public`?)"#,
    ),
    (
        "rate_limits: [per-user]",
        "rate_limits: [per_user]",
        r#"routes[0].rate_limits[0]: expected a name of 1 to 63 characters of a-z, 0-9 and -, got "per_user""#,
    ),
    (
        "rate_limits: [per-user]",
        "rate_limits: [user]",
        r#"routes[0].rate_limits[0]: expected the name of a rate limit, got "user""#,
    ),
    (
        "match: { path: /** }",
        "match: {}",
        "routes[0].match: expected host, path or methods; for every request write `path: \"/**\"`",
    ),
    (
        "match: { path: /** }",
        "match: { path: /auth/login }",
        "routes[0].match.path: /auth/login can never match: Sidegate answers /auth and /.well-known/jwks.json, /.well-known/oauth-authorization-server, \
         /.well-known/change-password itself",
    ),
    (
        "match: { path: /** }",
        "match: { path: /.well-known/sidegate/jwks.json }",
        "routes[0].match.path: /.well-known/sidegate/jwks.json can never match: Sidegate answers it itself",
    ),
    (
        "match: { path: /** }",
        "match: { path: /a**/b }",
        r#"routes[0].match.path: expected `*` as a whole segment, got "/a**/b""#,
    ),
    (
        "match: { path: /** }",
        "match: { path: a }",
        r#"routes[0].match.path: expected a path that begins with /, got "a""#,
    ),
    (
        "match: { path: /** }",
        "match: { path: /a, methods: [get] }",
        r#"routes[0].match.methods: expected a method such as GET, in upper case, got "get""#,
    ),
    (
        "match: { path: /** }",
        "match: { host: 'A.test:80' }",
        r#"routes[0].match.host: expected a host in lower case without port, such as wiki.example.com or *.example.com, got "A.test:80""#,
    ),
    (
        "    access: staff\n",
        "    access: staff\n    strip_prefix: /wiki\n",
        "routes[0].strip_prefix: the route also matches paths that do not begin with /wiki",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    unauthenticated: login\n",
        "routes[0].unauthenticated: `login` needs auth.login_url",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    body_bytes: 5MB\n",
        r#"routes[0].body_bytes: expected a size such as 512B, 16KiB, 10MiB or 1GiB, got "5MB""#,
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { add: { Content-Length: { claim: a } } }\n",
        "routes[0].identity_headers.add.Content-Length: frames, routes or authenticates the request itself and cannot carry an identity",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { add: { 'a b': { claim: a } } }\n",
        r#"routes[0].identity_headers.add["a b"]: is not the name of a header"#,
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { assertion: { ttl: 2m } }\n",
        "routes[0].identity_headers.assertion.ttl: expected 1s to 1m, got 2m",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { assertion: { header: Cookie } }\n",
        "routes[0].identity_headers.assertion.header: frames, routes or authenticates the request itself and cannot carry an identity",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { assertion: { header: Remote-User } }\n",
        "routes[0].identity_headers.assertion.header: is a header of a preset",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { assertion: { header: X-Who }, add: { X_Who: { claim: a } } }\n",
        "routes[0].identity_headers.add.X_Who: is the same header as `X-Who`",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    identity_headers: { add: { X-A: { join: ',' } } }\n",
        "routes[0].identity_headers.add.X-A.claim: is required",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    access: public\n",
        "routes[0].access: is a repeated key",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ allow: {} }]",
        "policies.staff[0].allow: expected one of all, any, not, role, scope, permission, claim, method, ip, mfa, got none: an empty condition would be true for everyone",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ allow: { ip: 0.0.0.0/0 } }]",
        "policies.staff[0].allow: would allow everyone: restrict it, or use `access: authenticated` or `access: public` in the route",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ deny: { role: staff } }]",
        "policies.staff: expected at least one `allow`: without one it denies everybody",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ allow: { role: a, scope: b } }]",
        "policies.staff[0].allow: expected one kind of condition, got role, scope; combine them with `all` or `any`",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ allow: { claim: a } }]",
        "policies.staff[0].allow.claim: expected exactly one test beside it: equals, one_of, contains or exists",
    ),
    (
        "[{ allow: { role: staff } }]",
        "[{ allow: { all: [{ rolle: a }, { role: b }] } }]",
        "policies.staff[0].allow.all[0].rolle: unknown key (did you mean `role`?)",
    ),
    (
        "staff: [{",
        "public: [{ allow: { role: a } }]\n  staff: [{",
        "policies.public: `public` is built in: choose another name",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x }]",
        "issuers[0]: expected one of `jwks_url`, `jwks` and `hs256_secret`, and only one",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x, jwks_url: https://a.test/j, hs256_secret: d38a5aacbfca14fa8df38088458a2132 }]",
        "issuers[0]: expected one of `jwks_url`, `jwks` and `hs256_secret`, and only one",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x, hs256_secret: d38a5aacbfca14fa8df38088458a213 }]",
        "issuers[0].hs256_secret: an HS256 secret of 31 bytes is refused: expected 32 or more (RFC 7518 section 3.2)",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x, hs256_secret: d38a5aacbfca14fa8df38088458a2132, algorithms: [ES256] }]",
        "issuers[0].algorithms: applies to public keys only: with `hs256_secret` the algorithm is HS256",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://gw.test, audience: x, jwks_url: https://a.test/j }]",
        "issuers[0].issuer: is listed twice: each issuer has one entry, and this instance's own has none",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x, jwks: { keys: [{ kty: oct, k: c2VjcmV0 }] } }]",
        "issuers[0].jwks.keys[0]: the member `k` is private: expected a public key",
    ),
    (
        "version: 1",
        "version: 1\nissuers: [{ issuer: https://a.test, audience: x, jwks_url: https://a.test/j, claims: { role: groups } }]",
        "issuers[0].claims.role: expected one of roles, scope, permissions, email, preferred_username, sid (did you mean `roles`?)",
    ),
    (
        "server: {",
        "server: { cors: {},",
        "server.cors.origins: is required: the origins of the pages, such as https://app.example.com",
    ),
    (
        "server: {",
        "server: { cors: { origins: ['*'] },",
        "server.cors.origins: expected exact origins, got \"*\": any page could sign in from the browsers of its visitors",
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test', 'null'] },",
        "server.cors.origins[1]: `null` is the origin of every sandboxed page and local file: expected an exact origin",
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://*.a.test'] },",
        r#"server.cors.origins[0]: expected an origin as browsers send it, such as https://app.example.com: scheme, host in lower case, and a port that is not the default, got "https://*.a.test""#,
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test:443'] },",
        r#"server.cors.origins[0]: expected an origin as browsers send it, such as https://app.example.com: scheme, host in lower case, and a port that is not the default, got "https://a.test:443""#,
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test/'] },",
        r#"server.cors.origins[0]: expected an origin as browsers send it, such as https://app.example.com: scheme, host in lower case, and a port that is not the default, got "https://a.test/""#,
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://A.test'] },",
        r#"server.cors.origins[0]: expected an origin as browsers send it, such as https://app.example.com: scheme, host in lower case, and a port that is not the default, got "https://A.test""#,
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test', 'https://a.test'] },",
        "server.cors.origins[1]: https://a.test is listed twice",
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test'], headers: ['*'] },",
        r#"server.cors.headers[0]: expected the name of a header such as X-Trace, got "*""#,
    ),
    (
        "server: {",
        "server: { cors: { origins: ['https://a.test'], max_age: 2d },",
        "server.cors.max_age: expected 0s to 1d, got 2d",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    cors: { origins: ['*'], credentials: true }\n",
        "routes[0].cors.origins: expected exact origins with `credentials`, got \"*\": any page could act as its visitors",
    ),
    (
        "    access: staff\n",
        "    access: staff\n    cors: { origins: ['*', 'https://a.test'] }\n",
        "routes[0].cors.origins: expected \"*\" alone, or exact origins",
    ),
    (
        "version: 1",
        "version: 1\nobservability: { log: { level: loud } }",
        r#"observability.log.level: expected a level (error, warn, info, debug, trace), or levels per module such as info,sidegate::gate=debug, got "loud""#,
    ),
    (
        "version: 1",
        "version: 1\nobservability: { access_log: { sample: 1.5 } }",
        "observability.access_log.sample: expected 0.0 to 1.0, got 1.5",
    ),
    (
        "version: 1",
        "version: 1\nrevocation: {}\nobservability:\n",
        "observability: has no value: leave the key out to get its default",
    ),
    (
        "version: 1",
        "version: 1\nrevocation: { feed: none }",
        "revocation.feed: expected redis: an issuer publishes the revocations of its tokens there",
    ),
    (
        "version: 1",
        "version: 1\nrevocation: { max_lag: 500ms }",
        "revocation.max_lag: expected 1s to 1h, got 500ms",
    ),
    (
        "postgres://u:hunter2@db/x",
        "mysql://u:hunter2@db/x",
        "store.postgres.url: expected a URL that begins with postgres://",
    ),
    (
        "redis://:hunter2@cache/0",
        "http://:hunter2@cache/0",
        "store.redis.url: not a usable Redis URL: expected redis://user:password@host:6379/0, or another scheme that is known here (InvalidClientConfig)",
    ),
];

#[test]
fn each_mistake_has_its_line() {
    for (from, to, expected) in MISTAKES {
        assert_eq!(printed(from, to), [*expected], "{to}");
    }
}

#[test]
fn two_routes_that_match_the_same_requests_are_refused() {
    let second = "  - { id: other, match: { path: /** }, upstream: app, access: public }\n";
    let lines = parse(&format!("{GOOD}{second}")).unwrap_err();
    assert_eq!(
        lines,
        [
            "f:22:18: routes[1].match: routes `app` and `other` both match /**: which of them decides would depend on their order"
        ]
    );
    let near_miss = second.replace("/**", "/*");
    assert!(parse(&format!("{GOOD}{near_miss}")).is_ok());
    let same_id = near_miss.replace("other", "app");
    assert_eq!(
        parse(&format!("{GOOD}{same_id}")).unwrap_err(),
        ["f:22:7: routes[1].id: `app` is the id of routes[0] already"]
    );
}

#[test]
fn a_mistake_in_an_upstream_is_not_blamed_on_the_routes_that_use_it() {
    assert_eq!(
        printed("servers: [http://app:8000]", "servers: [http://app:8000/x]").len(),
        1
    );
    assert_eq!(printed("{ servers: [http://app:8000] }", "http://app:8000").len(), 1);
}

#[test]
fn elements_behind_a_malformed_one_keep_their_numbers() {
    let routes =
        "routes:\n  - nonsense\n  - { id: a, match: { path: /a }, upstream: app, access: publik }\n  - id: app";
    let lines = printed("routes:\n  - id: app", routes);
    assert_eq!(
        lines,
        [
            "routes[0]: expected a map of keys, got a string",
            r#"routes[1].access: expected the name of a policy, got "publik" (did you mean `public`?)"#,
        ]
    );
}

#[test]
fn a_file_with_very_many_mistakes_says_that_there_are_more() {
    let routes = "  - { id: a, match: { path: /a }, upstream: nowhere, access: public }\n".repeat(200);
    let lines = parse(&format!("{GOOD}{routes}")).unwrap_err();
    assert_eq!(lines.len(), 101);
    assert_eq!(lines[100], "f: and more; these are the first 100");
}

#[test]
fn a_route_below_the_auth_path_is_distinguished_from_one_beside_it() {
    assert!(parse(&GOOD.replace("path: /**", "path: /authors/**")).is_ok());
    assert!(parse(&GOOD.replace("path: /**", "path: /auth/**")).is_err());
}

#[test]
fn variables_fill_strings_and_numbers_and_never_show_in_messages() {
    let text = GOOD
        .replace("http://app:8000", "\"http://${HOST:-app}:${PORT}\"")
        .replace("server: {", "server: { threads: \"${THREADS}\",");
    let loaded = parse_with(&text, &[("PORT", "81"), ("THREADS", "3")]).unwrap();
    assert_eq!(loaded.boot.threads, 3);
    assert_eq!(loaded.snapshot.upstreams["app"].servers[0].port, 81);

    assert_eq!(
        parse_with(&text, &[("PORT", "hunter2")]).unwrap_err(),
        [
            "f:3:11: server.threads: the environment variable THREADS is not set and has no default",
            "f:11:20: upstreams.app.servers[0]: expected a server such as http://wiki:8080, without a path, got something else from the environment",
        ]
    );
}

#[test]
fn no_message_holds_a_secret() {
    let secret = "\"YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk=\"";
    for wrong in [
        "hunter2",
        "\"aHVudGVyMg==\"",
        "{ hunter2: x }",
        "{ env: X, file: hunter2 }",
        "[hunter2]",
        "{ env: [hunter2] }",
        "${HUNTER}",
        "12345678",
        "{ env: HUNTER }",
    ] {
        let text = GOOD.replace(secret, wrong);
        let lines = parse_with(&text, &[("HUNTER", "hunter2")]).unwrap_err().concat();
        assert!(lines.contains("auth.secret"), "{lines}");
        assert!(
            !lines.contains("hunter2") && !lines.contains("aHVudGVyMg") && !lines.contains("12345678"),
            "{lines}"
        );
    }
    assert_eq!(
        printed(secret, "\"aHVudGVyMg==\""),
        ["auth.secret: expected 32 bytes in base64, such as `openssl rand -base64 32` makes, got 7 bytes"]
    );
}

#[test]
fn previous_secrets_are_read_like_the_secret_and_are_others() {
    let secret = "\"YalZtgycijVuo0I+2XITQxfESp04awqXAw5x4nEATRk=\"";
    let other = "mfIzhA6piq9Hw29i+3AHabO/jif8GTl+MhfEtGsiA5Q=";
    let with = |previous: &str| GOOD.replace(secret, &format!("{secret}\n  previous_secrets: {previous}"));
    assert!(parse_with(&with(&format!("[{other}]")), &[]).is_ok());
    assert!(parse_with(&with("[{ env: OLD }]"), &[("OLD", other)]).is_ok());
    for (wrong, message) in [
        (
            "[aHVudGVyMg==]",
            "auth.previous_secrets[0]: expected 32 bytes in base64",
        ),
        (&format!("[{other}, {secret}]"), "expected different ones"),
        (&format!("[{other}, {other}]"), "expected different ones"),
        (
            &format!("{:?}", [other; 9]),
            "auth.previous_secrets: expected at most 8, got 9",
        ),
    ] {
        let lines = parse_with(&with(wrong), &[]).unwrap_err().concat();
        assert!(lines.contains(message), "{wrong}: {lines}");
    }
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "redis://:fromfile@cache/0\n").unwrap();
    let text = GOOD
        .replace(
            "url: redis://:hunter2@cache/0",
            &format!("url: {{ file: {} }}", file.display()),
        )
        .replace("url: postgres://u:hunter2@db/x", "url: { env: DATABASE }");
    let loaded = parse_with(&text, &[("DATABASE", "postgres://u:fromenv@db/x")]).unwrap();
    assert_eq!(loaded.boot.redis.url.expose(), "redis://:fromfile@cache/0");
    assert_eq!(
        loaded.boot.postgres.as_ref().unwrap().url.expose(),
        "postgres://u:fromenv@db/x"
    );
    let shown = format!("{loaded:?}{}", loaded.file.to_yaml());
    assert!(!shown.contains("fromfile") && !shown.contains("fromenv"), "{shown}");

    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        parse_with(&text, &[]).unwrap_err(),
        [
            "f:5:15: store.postgres.url: the environment variable DATABASE is not set".to_owned(),
            format!(
                "f:6:12: store.redis.url: cannot read the file {}: No such file or directory (os error 2)",
                file.display()
            ),
        ]
    );
}

#[test]
fn a_printed_configuration_holds_the_defaults_and_no_secret() {
    let yaml = parse(GOOD).unwrap().file.to_yaml();
    assert!(yaml.contains("ttl: 10m") && yaml.contains("[redacted]"), "{yaml}");
    assert!(!yaml.contains("hunter2") && !yaml.contains("YalZtg"), "{yaml}");
}

#[test]
fn a_verifier_needs_neither_accounts_nor_postgresql() {
    let loaded = parse(include_str!("../../config/sidecar.yaml")).unwrap();
    assert!(loaded.boot.auth.is_none() && loaded.boot.postgres.is_none());
    assert_eq!(loaded.snapshot.rules.issuers.len(), 1);
}

#[test]
fn keys_that_need_a_restart_are_named_when_they_change() {
    let before = parse(GOOD).unwrap().boot;
    let same = parse(&GOOD.replace("path: /**", "path: /x/**")).unwrap().boot;
    assert_eq!(before.differences(&same), Vec::<&str>::new());
    let changed = GOOD
        .replace("hunter2@cache", "hunter3@cache")
        .replace("server: {", "server: { listen: 0.0.0.0:81,");
    assert_eq!(
        before.differences(&parse(&changed).unwrap().boot),
        ["server.listen", "store.redis.url"]
    );
}

#[test]
fn another_password_for_the_mail_server_needs_a_restart() {
    let smtp = |password: &str| {
        let smtp = format!("{{ url: smtp://mail.test, user: u, password: {password} }}");
        let mail = format!("audience: [app]\n  mail: {{ from: a@b.test, smtp: {smtp} }}");
        parse(&GOOD.replace("audience: [app]", &mail)).unwrap().boot
    };
    assert_eq!(
        smtp("hunter2").differences(&smtp("hunter3")),
        ["auth.mail.smtp.password"]
    );
    assert_eq!(smtp("hunter2").differences(&smtp("hunter2")), [""; 0]);
    assert!(!format!("{:?}", smtp("hunter2")).contains("hunter2"));
}

#[test]
fn every_configuration_we_ship_is_good_and_fits_the_schema() {
    let schema = jsonschema::validator_for(&config::schema()).unwrap();
    for file in ["sidegate.yaml", "dev.yaml", "sidecar.yaml"] {
        let path = format!("{}/config/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(lines) = parse_with(&text, SHIPPED) {
            panic!("{file}: {}", lines.join("\n"));
        }
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let faults: Vec<_> = schema
            .iter_errors(&value)
            .map(|fault| format!("{}: {fault}", fault.instance_path))
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{file}");
    }
}

#[test]
fn the_schema_refuses_what_check_refuses() {
    let schema = jsonschema::validator_for(&config::schema()).unwrap();
    let fits = |text: &str| schema.is_valid(&serde_yaml::from_str::<serde_json::Value>(text).unwrap());
    assert!(fits(GOOD));
    for (from, to) in [
        ("access: staff", "acess: staff"),
        ("600/1m", "600"),
        ("version: 1\n", ""),
        ("key: user", "key: users"),
        ("secret: \"", "secrets: \""),
        ("servers: [http://app:8000]", "servers: http://app:8000"),
    ] {
        assert!(!fits(&GOOD.replace(from, to)), "{to}");
    }
}

#[test]
fn the_schema_in_the_repository_is_the_one_the_types_make() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == config::schema_text(),
        "config/schema.json is out of date: run `cargo run -- config schema > config/schema.json`"
    );
}

#[test]
fn sidegate_yaml_shows_every_key_with_its_default() {
    let text = include_str!("../../config/sidegate.yaml");
    let mut missing = Vec::new();
    keys_of(&config::schema(), &mut |key| {
        if !text.contains(&format!("{key}:")) && !missing.contains(&key.to_owned()) {
            missing.push(key.to_owned());
        }
    });
    // These are named in the comment on conditions, and `env`, `file` in that on secrets.
    missing.retain(|key| {
        ![
            "permission",
            "one_of",
            "contains",
            "exists",
            "any",
            "not",
            "method",
            "ip",
        ]
        .contains(&key.as_str())
    });
    assert_eq!(missing, Vec::<String>::new());

    // What is not marked as an example is the default: leaving it out changes nothing.
    let shown = parse_with(text, SHIPPED).unwrap().file;
    let bare = parse(GOOD).unwrap().file;
    let both = |file: &config::File| {
        let auth = file.auth.clone().unwrap();
        format!(
            "{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
            file.server.limits,
            file.server.shutdown,
            file.server.listen,
            file.server.admin,
            file.revocation,
            auth.access_token,
            auth.refresh_token,
            auth.password,
            auth.lockout,
            auth.login_limit,
            auth.limits,
            auth.retention,
            file.observability
        )
    };
    assert_eq!(both(&shown), both(&bare));
    let rest = |file: &config::File| {
        format!(
            "{:?}{:?}",
            file.store.postgres.as_ref().unwrap().pool,
            file.upstreams.values().next().unwrap().timeouts
        )
    };
    assert_eq!(rest(&shown), rest(&bare));
}

fn keys_of(schema: &serde_json::Value, seen: &mut dyn FnMut(&str)) {
    match schema {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                if key == "properties" {
                    value.as_object().into_iter().flatten().for_each(|(key, _)| seen(key));
                }
                keys_of(value, seen);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| keys_of(value, seen)),
        _ => {}
    }
}

mod anything {
    use proptest::prelude::*;

    fn yaml() -> impl Strategy<Value = serde_yaml::Value> {
        let word = prop_oneof![
            "[a-z_]{1,12}",
            "\\PC{0,12}",
            proptest::sample::select(vec![
                "version",
                "server",
                "store",
                "auth",
                "routes",
                "id",
                "match",
                "path",
                "access",
                "policies",
                "allow",
                "all",
                "upstreams",
                "servers",
                "rate_limits",
                "key",
                "limit",
                "${X}",
                "${X:-1}",
                "redis",
                "url",
                "secret",
                "env",
                "file",
                "identity_headers",
                "add",
                "issuers",
                "jwks",
                "keys",
                "10s",
                "16KiB",
                "10/1m",
                "5%",
                "/**",
                "http://a",
                "not",
                "any",
                "claim",
                "equals",
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(serde_yaml::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            word.clone().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::vec((word.clone(), inner), 0..6).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.into(), value))
                    .collect::<serde_yaml::Mapping>()
                    .into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,200}|([a-z]{1,6}: ?[\\[\\]{}&*!|>'\"%@`,#a-z0-9 -]{0,12}\n){0,8}") {
            let _ = super::parse(&text);
        }

        #[test]
        fn any_tree_is_read_without_a_panic(tree in yaml()) {
            let _ = super::parse(&serde_yaml::to_string(&tree).unwrap());
        }

        #[test]
        fn the_good_file_with_any_value_anywhere_is_read_without_a_panic(value in yaml(), place in 0_usize..64) {
            let mut tree: serde_yaml::Value = serde_yaml::from_str(super::GOOD).unwrap();
            replace(&mut tree, &value, &mut { place });
            let _ = super::parse(&serde_yaml::to_string(&tree).unwrap());
        }
    }

    fn replace(tree: &mut serde_yaml::Value, value: &serde_yaml::Value, place: &mut usize) {
        if *place == 0 {
            *tree = value.clone();
        }
        *place = place.wrapping_sub(1);
        match tree {
            serde_yaml::Value::Sequence(list) => list.iter_mut().for_each(|inner| replace(inner, value, place)),
            serde_yaml::Value::Mapping(map) => map.iter_mut().for_each(|(_, inner)| replace(inner, value, place)),
            _ => {}
        }
    }
}
