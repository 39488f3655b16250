//! The format of cases: `key: value` lines, a blank line after each case, `#` for remarks.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::support::{TestIssuer, encode};

/// One attack.
#[derive(Debug, Default)]
pub struct Case {
    /// File and line.
    pub place: String,
    /// The goal of the attacker.
    pub name: String,
    /// The source, such as a CVE.
    pub from: String,
    bytes: String,
    header: Option<Value>,
    claims: Option<Value>,
    signed: String,
    /// `closed`, a status, or a status and a code.
    pub answer: String,
    /// Whether the connection has to be closed.
    pub closes: bool,
    requests: Option<usize>,
    /// Lines that the upstream has to receive.
    pub sees: Vec<String>,
    /// Texts that the upstream must not receive.
    pub unseen: Vec<String>,
}

impl Case {
    /// All cases of a file.
    pub fn all(file: &Path, text: &str) -> Vec<Self> {
        let mut cases = Vec::new();
        let mut case = Self::default();
        for (number, line) in text.lines().chain([""]).enumerate() {
            if line.starts_with('#') {
                continue;
            }
            if line.trim().is_empty() {
                if !case.place.is_empty() {
                    cases.push(std::mem::take(&mut case));
                }
                continue;
            }
            if case.place.is_empty() {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                case.place = format!("{name}:{}", number + 1);
            }
            let (key, value) = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("{}: {line}", case.place));
            case.set(key, value);
        }
        cases
    }

    fn set(&mut self, key: &str, value: &str) {
        let json = || Some(serde_json::from_str(value).unwrap_or_else(|error| panic!("{}: {error}", self.place)));
        match key {
            "case" => value.clone_into(&mut self.name),
            "from" => value.clone_into(&mut self.from),
            "target" => self.bytes = format!("GET {value} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"),
            "fields" => self.bytes = format!("GET /open/x HTTP/1.1\\r\\nHost: a\\r\\n{value}\\r\\n\\r\\n"),
            "bytes" => value.clone_into(&mut self.bytes),
            "header" => (self.header, self.bytes) = (json(), with_token()),
            "claims" => (self.claims, self.bytes) = (json(), with_token()),
            "signed" => (self.signed, self.bytes) = (value.to_owned(), with_token()),
            "answer" => value.clone_into(&mut self.answer),
            "closes" => self.closes = value == "yes",
            "requests" => self.requests = Some(value.parse().unwrap()),
            "sees" => self.sees.push(value.to_owned()),
            "unseen" => self.unseen.push(value.to_owned()),
            _ => panic!("{}: what is {key:?}?", self.place),
        }
    }

    /// The number of requests that the upstream receives: by default one if the case is accepted, otherwise none.
    pub fn requests(&self) -> usize {
        self.requests
            .unwrap_or_else(|| usize::from(self.answer.starts_with('2')))
    }

    pub fn is_head(&self) -> bool {
        self.bytes.starts_with("HEAD ")
    }

    /// The bytes to send.
    pub fn bytes(&self, issuer: &TestIssuer) -> Vec<u8> {
        let mut text = self.bytes.replace("{token}", &self.token(issuer));
        while let Some((before, (count, after))) = text
            .split_once("{a*")
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            text = format!("{before}{}{after}", "a".repeat(count.parse().unwrap()));
        }
        unescape(&text)
    }

    fn token(&self, issuer: &TestIssuer) -> String {
        let empty = json!({});
        let (header, claims) = (
            self.header.as_ref().unwrap_or(&empty),
            self.claims.as_ref().unwrap_or(&empty),
        );
        let input = TestIssuer::signing_input(header, claims);
        match self.signed.as_str() {
            "" => issuer.sign(&input),
            "by somebody else" => TestIssuer::new().sign(&input),
            "with zeros" => format!("{input}.{}", encode(&[0; 64])),
            "not at all" => format!("{input}."),
            "with the public key as a secret" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, issuer.public_key());
                format!("{input}.{}", encode(hmac::sign(&key, input.as_bytes()).as_ref()))
            }
            "with the public key in PEM as a secret" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, pem(issuer.public_key()).as_bytes());
                format!("{input}.{}", encode(hmac::sign(&key, input.as_bytes()).as_ref()))
            }
            "with an empty secret" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
                format!("{input}.{}", encode(hmac::sign(&key, input.as_bytes()).as_ref()))
            }
            // Any other text replaces the token; `{good}` is a valid token, `{input}` its signed part.
            other => other.replace("{good}", &issuer.sign(&input)).replace("{input}", &input),
        }
    }
}

/// A point on P-256 in the format of a public key (RFC 5480), as an issuer publishes it.
fn pem(point: &[u8]) -> String {
    const BEFORE: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let text = STANDARD.encode([&BEFORE[..], point].concat());
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

/// The request of cases about tokens, which differ in the token only.
fn with_token() -> String {
    "GET /api/x HTTP/1.1\\r\\nHost: a\\r\\nAuthorization: Bearer {token}\\r\\n\\r\\n".to_owned()
}

/// `\r`, `\n`, `\t`, `\0`, `\\` and `\x41`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            other => panic!("no such escape: {other:?}"),
        });
    }
    bytes
}
