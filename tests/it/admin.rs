//! The API under `/auth/admin`, and its effects on tokens, cached copies and other instances.

mod audit;
mod filters;
mod invitations;
mod presence;
mod rights;
mod secrets;
mod tokens;
mod users;

use serde_json::Value;

use crate::support::Answer;
use crate::support::Sidecar;
use crate::support::User;
use crate::support::claims;

/// A user with these permissions of Sidegate's own, which were added at the command line.
async fn operator(sidecar: &Sidecar, name: &str, permissions: &[&str]) -> User {
    let person = sidecar.user(name).await;
    let mut arguments = vec!["user", "grant", name];
    for permission in permissions {
        arguments.extend(["--permission", permission]);
    }
    let granted = sidecar.command(&arguments);
    assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));
    sidecar.login(&person.email).await
}

/// The id of a signed-in user.
fn id(user: &User) -> String {
    claims(&user.access_token)["sub"].as_str().unwrap().to_owned()
}

async fn call(sidecar: &Sidecar, by: &User, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let request = sidecar
        .request(method, &format!("/auth/admin{path}"))
        .bearer(&by.access_token);
    match body {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

async fn get(sidecar: &Sidecar, by: &User, path: &str) -> Value {
    let answer = call(sidecar, by, "GET", path, None).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
