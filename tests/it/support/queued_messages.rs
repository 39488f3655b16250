//! Messages: queued ones, and sent ones.
//!
//! A sidecar under test has a mail server that does not exist, so messages stay in the queue, where a test reads them.
//! A test about sending configures a transport.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sidegate::keys::{KeyUse, Secrets};
use sidegate::secret::Key32;
use tokio_postgres::Client;

use super::config::SECRET;
use super::sidecar::Sidecar;

/// The queued messages to an email address, the oldest first: `message` (its name), `to`, and its content.
pub async fn messages_in(database: &Client, secrets: &Secrets, email: &str) -> Vec<Value> {
    let rows = database
        .query("SELECT payload_sealed FROM mail_queue ORDER BY created_at, id", &[])
        .await
        .unwrap();
    let opened = rows.iter().map(|row| {
        let plain = secrets
            .open(KeyUse::Mail, "", row.get(0))
            .expect("sealed with the test's secret");
        serde_json::from_slice::<Value>(&plain).unwrap()
    });
    opened.filter(|message| message["to"]["email"] == email).collect()
}

impl Sidecar {
    /// The messages to an email address, the oldest first.
    pub async fn messages(&self, email: &str) -> Vec<Value> {
        messages_in(&self.database().await, &secrets(), email).await
    }

    /// The number of messages of a kind to an email address.
    pub async fn count_messages(&self, email: &str, message: &str) -> usize {
        let all = self.messages(email).await;
        all.iter().filter(|found| found["message"] == message).count()
    }

    /// The content of the last message of a kind: its `code` or `token`.
    pub async fn emailed_secret(&self, email: &str, message: &str) -> String {
        let all = self.messages(email).await;
        let last = all.iter().rev().find(|found| found["message"] == message);
        let last = last.unwrap_or_else(|| panic!("no {message} went to {email}: {all:?}"));
        let said = last.get("code").or_else(|| last.get("token"));
        said.expect("it carries a code or a token").as_str().unwrap().to_owned()
    }

    /// The messages in the queue, the oldest first: `{ "message": "password_reset", "to": { "email": … }, "token": …
    /// }`.
    pub async fn queued_messages(&self) -> Vec<Value> {
        let rows = self
            .database()
            .await
            .query(
                "SELECT payload_sealed FROM mail_queue WHERE failed_at IS NULL ORDER BY id",
                &[],
            )
            .await
            .unwrap();
        let open = |row: &tokio_postgres::Row| {
            let plain = secrets().open(KeyUse::Mail, "", row.get("payload_sealed")).unwrap();
            serde_json::from_slice(&plain).unwrap()
        };
        rows.iter().map(open).collect()
    }

    /// Queues a message without a cause. `life` is its lifetime in seconds.
    pub async fn queue_message(&self, message: &Value, life: f64) {
        queue_message(&self.database().await, message, life).await;
    }
}

/// Like `Sidecar::queue_message`, on a connection of the test.
pub async fn queue_message(database: &Client, message: &Value, life: f64) {
    let sealed = secrets().seal(KeyUse::Mail, "", message.to_string().as_bytes());
    let word = message["message"].as_str().unwrap();
    let insert = "INSERT INTO mail_queue (message, payload_sealed, created_at, next_attempt_at, expires_at)
                  VALUES ($1, $2, now() - interval '1 hour', now(), now() + make_interval(secs => $3))";
    database.execute(insert, &[&word, &sealed, &life]).await.unwrap();
}

fn secrets() -> Secrets {
    let secret = Key32::new(STANDARD.decode(SECRET).unwrap().try_into().unwrap());
    Secrets::new(&secret, []).unwrap()
}

/// A message as it is sent.
#[derive(Debug)]
pub struct Eml {
    head: Vec<(String, String)>,
    /// The text body.
    pub text: String,
    /// The HTML body.
    pub html: String,
}

impl Eml {
    pub fn read(source: &str) -> Self {
        let source = source.replace("\r\n", "\n");
        let (head, body) = parts(&source);
        let boundary = header(&head, "Content-Type")
            .split_once("boundary=\"")
            .expect("a message has two bodies")
            .1;
        let boundary = format!("--{}", boundary.split('"').next().unwrap());
        let bodies: Vec<_> = body.split(&boundary).skip(1).take(2).map(str::trim_start).collect();
        let [text, html] = [0, 1].map(|index| {
            let (head, body) = parts(bodies[index]);
            decoded(&body, header(&head, "Content-Transfer-Encoding"))
        });
        Self { head, text, html }
    }

    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> &str {
        header(&self.head, name)
    }

    /// The names of all headers.
    pub fn header_names(&self) -> Vec<&str> {
        self.head.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn parts(source: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = source.split_once("\n\n").expect("an empty line ends the head");
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let fields = head.lines().map(|line| line.split_once(": ").expect("name: value"));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (fields.collect(), body.to_owned())
}

fn header<'a>(head: &'a [(String, String)], name: &str) -> &'a str {
    let found = head.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn decoded(body: &str, encoding: &str) -> String {
    match encoding {
        "7bit" => body.to_owned(),
        "base64" => {
            let bytes = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
            String::from_utf8(bytes).unwrap()
        }
        "quoted-printable" => {
            let body = body.replace("=\n", "");
            let mut bytes = Vec::new();
            let mut rest = body.as_bytes();
            while let Some((first, after)) = rest.split_first() {
                if *first == b'=' {
                    let digits = std::str::from_utf8(&after[..2]).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = &after[2..];
                } else {
                    bytes.push(*first);
                    rest = after;
                }
            }
            String::from_utf8(bytes).unwrap()
        }
        other => panic!("an encoding nobody should use: {other:?}"),
    }
}
