//! A browser is sent to the login page and back to where it was, and nowhere else.

use crate::support::{Sidecar, TestSidecar};

async fn sidecar() -> Sidecar {
    let route = "{ id: app, match: { path: /** }, upstream: app, access: authenticated, unauthenticated: login, \
                 allow: { double_slash: true, encoded_slash: true, semicolon: true } }";
    let login = "auth: { login_url: /login }";
    TestSidecar::new().route_yaml(route).config(login).start().await
}

async fn location(sidecar: &Sidecar, target: &str) -> String {
    let answer = sidecar.get(target).header("Sec-Fetch-Mode", "navigate").send().await;
    assert_eq!(answer.status(), 303, "{target}");
    answer.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_target_that_a_browser_could_take_for_another_host_is_not_returned_to() {
    let sidecar = sidecar().await;
    for target in ["//evil.test/", "//evil.test", "///evil.test/x", "//evil.test?a"] {
        assert_eq!(location(&sidecar, target).await, "/login", "{target}");
    }
}

#[tokio::test]
async fn two_slashes_further_on_are_returned_to() {
    let sidecar = sidecar().await;
    for (target, parameter) in [
        ("/a//evil.test/", "/a//evil.test/"),
        ("/?//evil.test", "/%3F//evil.test"),
        ("/%2Fevil.test", "/%252Fevil.test"),
        ("/;//evil.test", "/%3B//evil.test"),
    ] {
        assert_eq!(
            location(&sidecar, target).await,
            format!("/login?return_to={parameter}")
        );
    }
}
