//! The links in the messages of `sidegate dev` lead to a page that shows what to do.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::shell;
use crate::support::{Answer, Eml, Playground, Request, Upstream, place, wait_until};

async fn get(playground: &Playground, target: &str) -> Answer {
    Request::new(playground.listen.number(), "GET", target).send().await
}

async fn post(playground: &Playground, path: &str, body: &Value) -> u16 {
    let request = Request::new(playground.listen.number(), "POST", path);
    request.json(body).send().await.status()
}

/// Waits for a message of a kind and returns the URL in it that contains a token, without its scheme and host.
async fn link(playground: &Playground, dir: &Path, kind: &str) -> String {
    let find = || {
        let files = std::fs::read_dir(dir.join("mail")).into_iter().flatten().flatten();
        let mut files = files.filter(|file| file.file_name().to_string_lossy().ends_with(&format!("-{kind}.eml")));
        files
            .next()
            .map(|file| Eml::read(&std::fs::read_to_string(file.path()).unwrap()).text)
    };
    wait_until("the message is there", Duration::from_secs(30), async || {
        find().is_some()
    })
    .await;
    let text = find().unwrap();
    let url = text
        .split_whitespace()
        .find(|word| word.contains("token="))
        .expect("a link");
    let start = format!("http://{}", playground.listen.address());
    url.strip_prefix(&start)
        .unwrap_or_else(|| panic!("{url} is not of this instance"))
        .to_owned()
}

/// The command on a page.
fn command(page: &Answer) -> String {
    let text = page.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("  curl "))
        .expect("the page has a command");
    line.trim().to_owned()
}

#[tokio::test]
async fn the_link_of_a_password_reset_shows_the_command_that_resets_it() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    assert_eq!(
        post(
            &playground,
            "/auth/password/forgot",
            &json!({ "email": "demo@example.com" })
        )
        .await,
        202
    );
    let page = get(&playground, &link(&playground, dir.path(), "password_reset").await).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        page.header("referrer-policy"),
        Some("no-referrer"),
        "the URL has a token"
    );
    let done = shell(&command(&page).replace("NEW-PASSWORD", "tepid-gravel-19-walnut"));
    assert!(done.starts_with("HTTP/1.1 2"), "{done}");
    let body = json!({ "email": "demo@example.com", "password": "tepid-gravel-19-walnut" });
    assert_eq!(post(&playground, "/auth/login", &body).await, 200);
}

#[tokio::test]
async fn the_link_of_an_invitation_shows_the_command_that_accepts_it() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let config = dir.path().join("sidegate.yaml");
    let binary = env!("CARGO_BIN_EXE_sidegate");
    shell(&format!(
        "{binary} user invite robin@example.com --config {}",
        config.display()
    ));
    let page = get(&playground, &link(&playground, dir.path(), "invitation").await).await;
    let command = command(&page).replace("EMAIL", "robin@example.com");
    let done = shell(&command.replace("NEW-PASSWORD", "tepid-gravel-19-walnut"));
    assert!(done.starts_with("HTTP/1.1 202"), "{done}");
}

#[tokio::test]
async fn the_home_page_that_messages_link_to_is_one_and_a_broken_link_says_so() {
    let dir = place();
    let playground = Playground::start(dir.path(), &[]);
    let home = get(&playground, "/").await;
    assert_eq!(home.status(), 200);
    assert!(home.text().contains("started by `sidegate dev`"), "{}", home.text());
    assert!(
        !home
            .text()
            .contains(playground.announced("demo").split_whitespace().last().unwrap()),
        "no password"
    );
    for target in [
        "/dev/reset-password",
        "/dev/reset-password?token=%3Cscript%3E",
        "/dev/accept-invitation?token=",
    ] {
        let broken = get(&playground, target).await;
        assert!(
            broken.text().contains("this link has no valid token"),
            "{target}: {}",
            broken.text()
        );
        assert!(!broken.text().contains("script"), "{}", broken.text());
    }
    assert_eq!(
        get(&playground, "/other").await.status(),
        401,
        "everything else belongs to the application"
    );
}

#[tokio::test]
async fn the_home_page_of_another_application_stays_its_own() {
    let dir = place();
    let upstream = Upstream::start().await;
    let playground = Playground::start(dir.path(), &["--upstream", &format!("http://{}", upstream.address())]);
    assert_eq!(get(&playground, "/").await.status(), 401);
    assert_eq!(get(&playground, "/dev").await.status(), 200);
}
