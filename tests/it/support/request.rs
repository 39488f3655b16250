//! A request to the sidecar, built step by step. Header names, values and the target are sent unchanged.

use std::fmt::Write;

use serde_json::Value;

use super::http::{Answer, Connection};

/// A request builder.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    port: u16,
    method: String,
    target: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(port: u16, method: &str, target: &str) -> Self {
        Self {
            port,
            method: method.to_owned(),
            target: target.to_owned(),
            host: Some(format!("127.0.0.1:{port}")),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header; the same name again makes a second one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an access token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets the `Host`.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// Adds a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Adds a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let host = self.host.iter().map(|host| ("Host", host.as_str()));
        let length = self.body.len().to_string();
        let length = (!self.body.is_empty() || self.method == "POST").then_some(("Content-Length", length.as_str()));
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in host.chain(headers).chain(length) {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }

    /// Like [`Self::send`], for a sidecar that may have stopped: `None` if there is no response.
    pub async fn try_send(self) -> Option<Answer> {
        let mut connection = Connection::try_open(self.port).await?;
        connection.send(&self.to_bytes()).await;
        connection.answer(self.method == "HEAD").await
    }

    /// Sends it on a connection of its own and waits for the answer.
    pub async fn send(self) -> Answer {
        let mut connection = Connection::open(self.port).await;
        connection.send(&self.to_bytes()).await;
        connection
            .answer(self.method == "HEAD")
            .await
            .expect("the sidecar answers before it closes the connection")
    }
}
