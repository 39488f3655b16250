//! The bytes that are authorized are the bytes that are forwarded.

use crate::support::{Sidecar, TestSidecar};

/// A public subtree of a protected one: where a different interpretation of a path does most damage.
async fn sidecar() -> Sidecar {
    TestSidecar::new()
        .route("/public/**", "public")
        .route("/**", "authenticated")
        .start()
        .await
}

#[tokio::test]
async fn a_public_prefix_ends_at_a_slash() {
    let sidecar = sidecar().await;
    for path in ["/public/x", "/public/", "/public", "/public?x=/admin"] {
        assert_eq!(sidecar.get(path).send().await.upstream_saw().target(), path);
    }
    for path in ["/publicity", "/public.", "/publi%63ity", "/Public/x", "/public%20/x"] {
        let answer = sidecar.get(path).send().await;
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (401, "credentials_missing"),
            "{path}"
        );
    }
    assert_eq!(sidecar.upstream().seen().len(), 4);
}

#[tokio::test]
async fn dot_segments_are_refused_in_every_spelling() {
    let sidecar = sidecar().await;
    for path in [
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/%2E./admin",
        "/public/.%2e/admin",
        "/public/..%2fadmin",
        "/public/%2e%2e%2fadmin",
        "/public/..;/admin",
        "/public/..;a=b/admin",
        "/public/..",
        "/public/.",
        "/../public/x",
    ] {
        let answer = sidecar.get(path).send().await;
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.code(), "path_dot_segment", "{path}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn what_servers_read_in_two_ways_is_refused() {
    let sidecar = sidecar().await;
    for path in [
        "/public/%252e%252e/admin",
        "/public/%5c..%5cadmin",
        "/public/x\\..\\admin",
        "/public/x%00.html",
        "/public/x%0d%0aX-Forwarded-User:%20root",
        "/public//admin",
        "/public/x;/admin",
        "/public/x%2fadmin",
        "/public/%c0%ae%c0%ae/admin",
        "/public/%",
        "/public/%zz",
        "/public/x#/admin",
    ] {
        assert_eq!(sidecar.get(path).send().await.status(), 400, "{path}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn a_target_without_a_leading_slash_is_refused() {
    let sidecar = sidecar().await;
    for target in [
        "admin",
        "\\admin",
        "?/admin",
        ":80/admin",
        "@other.test/",
        "localhost:8080/admin",
        "*",
    ] {
        assert_eq!(sidecar.get(target).send().await.status(), 400, "{target}");
    }
    assert_eq!(sidecar.upstream().seen(), []);
}

#[tokio::test]
async fn the_target_arrives_byte_for_byte() {
    let sidecar = sidecar().await;
    for target in [
        "/public/%41%c3%a9~!$&'()*+,=:@",
        "/public/a?b=%2e%2e/&c=//;&d=%zz?e",
        "/public/.well-known/...",
        "/public/a%20b%3f",
    ] {
        assert_eq!(sidecar.get(target).send().await.upstream_saw().target(), target);
    }
}

#[tokio::test]
async fn a_route_may_allow_spellings_that_its_application_needs() {
    let route = |id: &str, allow: &str| {
        format!(
            "{{ id: {id}, match: {{ path: /{id}/** }}, upstream: app, access: public, allow: {{ {allow}: true }} }}"
        )
    };
    let sidecar = TestSidecar::new()
        .route_yaml(&route("slash", "encoded_slash"))
        .route_yaml(&route("semicolon", "semicolon"))
        .route_yaml(&route("double", "double_slash"))
        .start()
        .await;
    for target in ["/slash/a%2Fb", "/slash/a%2fb", "/semicolon/a;v=1/b", "/double/a//b"] {
        assert_eq!(sidecar.get(target).send().await.upstream_saw().target(), target);
    }
    for target in [
        "/slash/a;b",
        "/slash/a//b",
        "/semicolon/a%2fb",
        "/double/a;b",
        "/slash/a%2f..%2fb",
        "/semicolon/..;/x",
    ] {
        assert_eq!(sidecar.get(target).send().await.status(), 400, "{target}");
    }
}

#[tokio::test]
async fn an_allowed_spelling_does_not_lead_into_another_route() {
    let route = "{ id: open, match: { path: /** }, upstream: app, access: public, \
                 allow: { double_slash: true, encoded_slash: true, semicolon: true } }";
    let sidecar = TestSidecar::new()
        .route_yaml(route)
        .route("/admin/**", "authenticated")
        .start()
        .await;
    for target in [
        "//admin/x",
        "/admin%2fx",
        "/admin;/x",
        "/a%2f..%2fadmin/x",
        "/;a%2Fx/admin/users",
        "/%3Bx/admin/users",
        "//host/admin/x",
        "/%2Fhost/admin",
        "/admin;/x//y",
        "/%61dmin/x",
        "//auth/login",
        "/auth;x/login",
    ] {
        let answer = sidecar.get(target).send().await;
        assert_eq!(answer.status(), 400, "{target}");
        assert!(answer.code().starts_with("path_"), "{target}");
    }
    for target in ["/a//b", "/;a%2Fx/news", "//host/x", "/%61/b", "/a;admin/b"] {
        assert_eq!(sidecar.get(target).send().await.upstream_saw().target(), target);
    }
}

#[tokio::test]
async fn a_prefix_is_stripped_at_a_slash_and_never_by_length() {
    let route = "{ id: wiki, match: { path: /wiki/** }, upstream: app, access: public, strip_prefix: /wiki }";
    let sidecar = TestSidecar::new().route_yaml(route).start().await;
    for (sent, arrived) in [
        ("/wiki/a?b=c", "/a?b=c"),
        ("/wiki", "/"),
        ("/wiki?b", "/?b"),
        ("/wiki/", "/"),
        ("/wiki/%41", "/%41"),
    ] {
        assert_eq!(sidecar.get(sent).send().await.upstream_saw().target(), arrived);
    }
    for target in ["/%77iki/a", "/wik%69/a"] {
        assert_eq!(sidecar.get(target).send().await.status(), 400, "{target}");
    }
    assert_eq!(sidecar.get("/wikipedia").send().await.status(), 404);
    assert_eq!(
        sidecar.get("/wiki//a").send().await.status(),
        400,
        "//a would be another host to some"
    );
}

#[tokio::test]
async fn what_is_left_of_a_path_is_never_a_host() {
    let allowing = "allow: { double_slash: true, encoded_slash: true, semicolon: true }";
    let route = |id: &str, path: &str, access: &str| {
        format!(
            "{{ id: {id}, match: {{ path: {path} }}, upstream: app, access: {access}, strip_prefix: /wiki, {allowing} }}"
        )
    };
    let sidecar = TestSidecar::new()
        .route_yaml(&route("wiki", "/wiki/**", "public"))
        .route_yaml(&route("locked", "/wiki/locked/**", "authenticated"))
        .start()
        .await;
    for target in [
        "/wiki//host/a",
        "/wiki//",
        "/wiki/%2Fhost/locked",
        "/wiki/;/host/locked/a",
    ] {
        assert_eq!(sidecar.get(target).send().await.status(), 400, "{target}");
    }
    for (sent, arrived) in [
        ("/wiki/a//b", "/a//b"),
        ("/wiki/%2Fhost/a", "/%2Fhost/a"),
        ("/wiki/a;b", "/a;b"),
    ] {
        assert_eq!(sidecar.get(sent).send().await.upstream_saw().target(), arrived);
    }
}
