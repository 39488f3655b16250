//! `sidegate dev --config overrides.yaml`

use std::process::Command;

use super::shell;
use crate::support::{Playground, place};

const OVERRIDES: &str = r#"
server:
  cors: { origins: ["http://localhost:3000"] }
auth:
  clients:
    - { id: billing, secret: { env: BILLING_SECRET } }
  access_token: { ttl: 90s }
routes:
  - { id: app, forward_authorization: true }
  - { id: docs, match: { path: "/docs/**" }, upstream: app, access: public }
"#;

#[test]
fn overrides_are_laid_over_the_built_in_configuration() {
    let dir = place();
    let file = dir.path().join("overrides.yaml");
    let secret = "ce884a091e9081d0b6485e3ea1cbbcfa";
    std::fs::write(&file, OVERRIDES.replace("{ env: BILLING_SECRET }", secret)).unwrap();
    let playground = Playground::start(dir.path(), &["--config", file.to_str().unwrap()]);
    assert_eq!(playground.announced("overrides"), file.to_str().unwrap());
    let url = format!("http://{}", playground.listen.address());

    let seen = shell(&format!(
        "{} >&2; {}",
        playground.commands()[1],
        playground.commands()[2]
    ));
    assert!(
        seen.contains("Authorization: Bearer ey"),
        "the route `app` forwards the token: {seen}"
    );
    let open = shell(&format!("curl -s {url}/docs/x"));
    assert!(
        open.contains("\"target\": \"/docs/x\""),
        "the new route is there: {open}"
    );
    let client = shell(&format!(
        "curl -s {url}/auth/introspect -d client_id=billing -d client_secret={secret} -d token=x"
    ));
    assert_eq!(client.trim(), r#"{"active":false}"#);
    let origin = "-H 'Origin: http://localhost:3000' -H 'Access-Control-Request-Method: POST'";
    let preflight = shell(&format!("curl -si -X OPTIONS {url}/auth/login {origin}"));
    assert!(preflight.starts_with("HTTP/1.1 204"), "{preflight}");

    // The commands of operators read the merged configuration.
    let config = dir.path().join("sidegate.yaml");
    let checked = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args(["check", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("with 5 routes"), "{said}");
}

#[test]
fn a_mistake_in_the_overrides_has_its_place_there() {
    let dir = place();
    let file = dir.path().join("overrides.yaml");
    let start = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
            .args(["dev", "--listen", "127.0.0.1:1", "--config"])
            .arg(&file)
            .arg("--dir")
            .arg(dir.path().join("data"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (
            output.status.code(),
            said.replace(&format!("{}/", dir.path().display()), ""),
        )
    };
    for (text, expected) in [
        (
            "server:\n  listen: 127.0.0.1:81\n",
            "overrides.yaml:2:3: server.listen: is set by `sidegate dev`: use --listen\n",
        ),
        (
            "auth:\n  secret: x\nupstreams: { app: { servers: [http://a] } }\n",
            "overrides.yaml:2:3: auth.secret: is set by `sidegate dev`, which keeps it in its directory\n\
             overrides.yaml:3:21: upstreams.app.servers: is set by `sidegate dev`: use --upstream\n",
        ),
        (
            "- a\n",
            "overrides.yaml:1:1: expected a map of sections (`server:`, `routes:`, …)\n",
        ),
    ] {
        assert_eq!(start(text), (Some(64), expected.to_owned()));
    }
}

#[test]
fn a_mistake_that_only_the_merged_configuration_shows_has_its_place_in_the_overrides() {
    let dir = place();
    let file = dir.path().join("overrides.yaml");
    std::fs::write(
        &file,
        "auth: { access_token: { ttl: 10 } }\nroutes:\n  - { id: app, acess: public }\n",
    )
    .unwrap();
    let ports = [crate::support::Port::reserve(), crate::support::Port::reserve()];
    let output = Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .args([
            "dev",
            "--listen",
            &ports[0].address(),
            "--admin",
            &ports[1].address(),
            "--config",
        ])
        .arg(&file)
        .arg("--dir")
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let name = file.display();
    assert_eq!(
        said,
        format!(
            "{name}:1:25: auth.access_token.ttl: expected a duration such as 250ms, 10s, 5m, 12h or 30d, got 10\n\
             {name}:3:16: routes[0].acess: unknown key (did you mean `access`?)\n"
        )
    );
    assert_eq!(output.status.code(), Some(64));
}
