//! Cross-origin requests: preflights, and the headers of responses, on routes and under `/auth`.

use serde_json::json;

use crate::support::{Answer, Behaviour, Request, Sidecar, TestSidecar};

const APP: &str = "https://app.example.com";
const EVIL: &str = "https://evil.example";

const ROUTES: [&str; 4] = [
    "{ id: api, match: { path: /api/** }, upstream: app, access: authenticated, \
     cors: { origins: [\"https://app.example.com\", \"http://localhost:3000\"], credentials: true, headers: [X-Trace], \
     expose: [X-Total], max_age: 5m } }",
    "{ id: reads, match: { path: /items/**, methods: [GET] }, upstream: app, access: public, \
     cors: { origins: [\"https://app.example.com\"] } }",
    "{ id: open, match: { path: /open/** }, upstream: app, access: public, cors: { origins: [\"*\"] } }",
    "{ id: own, match: { path: /own/** }, upstream: app, access: public }",
];

async fn sidecar(config: &str) -> Sidecar {
    let sidecar = TestSidecar::new().config(config);
    let sidecar = ROUTES.iter().fold(sidecar, |sidecar, route| sidecar.route_yaml(route));
    sidecar.start().await
}

fn preflight(sidecar: &Sidecar, path: &str, origin: &str, method: &str) -> Request {
    let request = sidecar.request("OPTIONS", path).header("Origin", origin);
    request.header("Access-Control-Request-Method", method)
}

/// Every header of the answer that is about origins, sorted.
fn cors(answer: &Answer) -> Vec<String> {
    const ABOUT: [&str; 7] = [
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "vary",
    ];
    let lines = |name: &&'static str| {
        let mut values = answer.headers(name);
        values.sort_unstable();
        let line = |value: &str| format!("{name}: {value}");
        values.into_iter().map(line).collect::<Vec<_>>()
    };
    ABOUT.iter().flat_map(lines).collect()
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_answered_without_a_token_and_without_the_application() {
    let sidecar = sidecar("{}").await;
    let answer = preflight(&sidecar, "/api/x", APP, "PUT").send().await;
    assert_eq!((answer.status(), answer.body().len()), (204, 0), "{}", answer.text());
    assert_eq!(
        cors(&answer),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: authorization, content-type, x-trace",
            "access-control-allow-methods: PUT",
            "access-control-allow-origin: https://app.example.com",
            "access-control-max-age: 300",
            "vary: Access-Control-Request-Method",
            "vary: Origin",
        ]
    );
    assert!(!answer.reached_upstream());
    let other = preflight(&sidecar, "/api/x", "http://localhost:3000", "PUT")
        .send()
        .await;
    assert_eq!(
        other.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_refused_and_never_repeated() {
    let sidecar = sidecar("{}").await;
    for origin in [
        EVIL,
        "null",
        "*",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com/",
    ] {
        let refused = preflight(&sidecar, "/api/x", origin, "PUT").send().await;
        assert_eq!(
            (refused.status(), refused.code().as_str()),
            (403, "origin_not_allowed"),
            "{origin}"
        );
        assert_eq!(cors(&refused), ["vary: Origin"], "{origin}");
        let read = sidecar.get("/items/1").header("Origin", origin).send().await;
        assert_eq!(read.status(), 200, "CORS is no access control: {origin}");
        assert_eq!(cors(&read), ["vary: Origin"], "{origin}");
    }
}

#[tokio::test]
async fn two_origins_are_none() {
    let sidecar = sidecar("{}").await;
    let twice = preflight(&sidecar, "/api/x", APP, "PUT")
        .header("Origin", EVIL)
        .send()
        .await;
    assert_eq!(twice.status(), 401, "no preflight, so the gate decides");
    assert_eq!(cors(&twice), ["vary: Origin"]);
    let read = sidecar
        .get("/items/1")
        .header("Origin", APP)
        .header("Origin", EVIL)
        .send()
        .await;
    assert_eq!(cors(&read), ["vary: Origin"]);
}

#[tokio::test]
async fn a_page_of_a_listed_origin_can_read_answers_and_refusals() {
    let sidecar = sidecar("{}").await;
    let alice = sidecar.user("alice").await;
    let expected = [
        "access-control-allow-credentials: true",
        "access-control-allow-origin: https://app.example.com",
        "access-control-expose-headers: ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id, x-total",
        "vary: Origin",
    ];
    let asked = sidecar.get("/api/x").header("Origin", APP);
    let answer = asked.clone().bearer(&alice.access_token).send().await;
    assert_eq!(
        (answer.status(), cors(&answer)),
        (200, expected.map(str::to_owned).to_vec())
    );
    assert_eq!(
        answer.upstream_saw().header("origin"),
        Some(APP),
        "the application can check it, too"
    );
    let refused = asked.send().await;
    assert_eq!(
        (refused.status(), cors(&refused)),
        (401, expected.map(str::to_owned).to_vec())
    );
    let same_origin = sidecar.get("/api/x").bearer(&alice.access_token).send().await;
    assert_eq!(
        cors(&same_origin),
        ["vary: Origin"],
        "a cache must not give it to a page"
    );
}

#[tokio::test]
async fn the_answers_of_the_application_about_origins_are_replaced_where_cors_is_configured() {
    let sidecar = sidecar("{}").await;
    let theirs = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://evil.example\r\naccess-control-allow-credentials: true\r\n\
                  Access-Control-Allow-Origin: *\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n";
    sidecar.upstream().behave(Behaviour::Raw(theirs.into()));
    let replaced = sidecar.get("/items/1").header("Origin", APP).send().await;
    assert_eq!(
        cors(&replaced),
        [
            "access-control-allow-origin: https://app.example.com",
            "access-control-expose-headers: ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id",
            "vary: Accept",
            "vary: Origin",
        ]
    );
    let unlisted = sidecar.get("/items/1").header("Origin", EVIL).send().await;
    assert_eq!(cors(&unlisted), ["vary: Accept", "vary: Origin"]);
    let untouched = sidecar.get("/own/x").header("Origin", EVIL).send().await;
    assert_eq!(untouched.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(cors(&untouched).len(), 4, "{:?}", cors(&untouched));
}

#[tokio::test]
async fn the_route_of_the_announced_method_decides() {
    let sidecar = sidecar("{}").await;
    assert_eq!(preflight(&sidecar, "/items/1", APP, "GET").send().await.status(), 204);
    let other = preflight(&sidecar, "/items/1", APP, "DELETE").send().await;
    assert_eq!((other.status(), other.code().as_str()), (404, "route_not_found"));
    let path = preflight(&sidecar, "/items/..%2f1", APP, "GET").send().await;
    assert_eq!(path.status(), 400, "a preflight is read as strictly as any request");
}

#[tokio::test]
async fn without_cors_an_options_request_is_one_like_any_other() {
    let sidecar = sidecar("{}").await;
    let forwarded = preflight(&sidecar, "/own/x", EVIL, "PUT").send().await;
    assert_eq!(forwarded.upstream_saw().request_line, "OPTIONS /own/x HTTP/1.1");
    assert_eq!(
        sidecar.request("OPTIONS", "/api/x").send().await.status(),
        401,
        "no preflight"
    );
    let auth = preflight(&sidecar, "/auth/login", APP, "POST").send().await;
    assert_eq!((auth.status(), cors(&auth)), (405, Vec::new()));
}

#[tokio::test]
async fn any_origin_is_allowed_with_a_star_and_never_with_credentials() {
    let sidecar = sidecar("{}").await;
    let answer = sidecar.get("/open/x").header("Origin", EVIL).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert_eq!(answer.header("vary"), None, "it is the same for everybody");
    assert_eq!(preflight(&sidecar, "/open/x", EVIL, "GET").send().await.status(), 204);
}

#[tokio::test]
async fn the_endpoints_have_origins_of_their_own() {
    let sidecar = sidecar("server: { cors: { origins: [\"https://app.example.com\"] } }").await;
    let user = sidecar.user("alice").await;
    for path in [
        "/auth/login",
        "/.well-known/jwks.json",
        "/.well-known/sidegate/jwks.json",
    ] {
        let allowed = preflight(&sidecar, path, APP, "POST").send().await;
        assert_eq!(allowed.status(), 204, "{path}: {}", allowed.text());
        assert_eq!(
            allowed.header("access-control-allow-headers"),
            Some("authorization, content-type")
        );
        let refused = preflight(&sidecar, path, EVIL, "POST").send().await;
        assert_eq!(
            (refused.status(), cors(&refused)),
            (403, vec!["vary: Origin".to_owned()]),
            "{path}"
        );
        let read = sidecar.get(path).header("Origin", APP).send().await;
        assert_eq!(
            read.header("access-control-allow-origin"),
            Some(APP),
            "{path}: {}",
            read.text()
        );
    }
    let body = json!({ "email": user.email, "password": "wrong" });
    let asked = sidecar.post("/auth/login").json(&body);
    let failed = asked.clone().header("Origin", APP).send().await;
    assert_eq!(failed.status(), 401);
    assert_eq!(
        failed.header("access-control-allow-origin"),
        Some(APP),
        "the page can tell the user why"
    );
    assert_eq!(cors(&asked.header("Origin", EVIL).send().await), ["vary: Origin"]);
    let route = preflight(&sidecar, "/own/x", APP, "PUT").send().await;
    assert!(route.reached_upstream(), "a route does not inherit them");
}

#[tokio::test]
async fn a_reload_replaces_the_origins() {
    let mut sidecar = sidecar("server: { cors: { origins: [\"https://app.example.com\"] } }").await;
    assert_eq!(
        preflight(&sidecar, "/auth/login", EVIL, "POST").send().await.status(),
        403
    );
    sidecar.reconfigure("server: { cors: { origins: [\"https://evil.example\"] } }");
    crate::support::wait_until(
        "the new origin is allowed",
        std::time::Duration::from_secs(10),
        async || preflight(&sidecar, "/auth/login", EVIL, "POST").send().await.status() == 204,
    )
    .await;
    assert_eq!(
        preflight(&sidecar, "/auth/login", APP, "POST").send().await.status(),
        403
    );
}
