//! Users.

use serde_json::{Value, json};

use super::http::Answer;
use super::sidecar::Sidecar;

/// A valid password that is in no list of common ones.
pub const PASSWORD: &str = "quarrel-lantern-71-osprey";

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct User {
    pub email: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl Sidecar {
    /// Registers `name` and signs them in.
    pub async fn user(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let registration = json!({ "email": email, "username": name, "password": PASSWORD });
        let answer = self.post("/auth/register").json(&registration).send().await;
        assert!(
            answer.status() < 300,
            "registration: {} {}",
            answer.status(),
            answer.text()
        );
        self.login(&email).await
    }

    /// Signs a user in, again or on another device.
    pub async fn login(&self, email: &str) -> User {
        let answer = self.try_login(email, PASSWORD).await;
        assert_eq!(answer.status(), 200, "login: {}", answer.text());
        let tokens = answer.json();
        let token = |name: &str| {
            tokens[name]
                .as_str()
                .unwrap_or_else(|| panic!("no {name} in {tokens}"))
                .to_owned()
        };
        User {
            email: email.to_owned(),
            access_token: token("access_token"),
            refresh_token: token("refresh_token"),
        }
    }

    /// Attempts a sign-in with a password.
    pub async fn try_login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login")
            .json(&json!({ "email": email, "password": password }))
            .send()
            .await
    }

    /// Presents a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        let body: Value = json!({ "refresh_token": refresh_token });
        self.post("/auth/refresh").json(&body).send().await
    }
}
