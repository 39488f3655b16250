//! A line of an import file, with the checks of a registration.

use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::accounts::email::names;
use crate::accounts::operator::right;
use crate::accounts::{password, profile};
use crate::store::id;
use crate::store::user_import::Incoming;

/// A valid line.
#[derive(Clone)]
pub struct Candidate {
    pub(crate) line: u64,
    pub(crate) account: Incoming,
}

/// A line that cannot be imported. The reason never contains a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The line number, from 1.
    pub line: u64,
    /// The member that is wrong; empty for the line as a whole.
    pub field: String,
    /// The reason.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    email: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    profile: Map<String, Value>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default, with = "time::serde::rfc3339::option")]
    created_at: Option<OffsetDateTime>,
    #[serde(default)]
    id: Option<Uuid>,
}

impl Candidate {
    /// Parses a line.
    ///
    /// # Errors
    /// The member that is wrong.
    pub fn read(line: u64, text: &str, now: OffsetDateTime) -> Result<Self, Refusal> {
        let refuse = |field: &str, reason: String| Refusal {
            line,
            field: field.to_owned(),
            reason,
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        let written: Written = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { "" } else { &path };
            refuse(field, reason(error.inner()))
        })?;
        reader.end().map_err(|error| refuse("", reason(&error)))?;

        let email = names::email(&written.email).map_err(|error| refuse("email", error.to_string()))?;
        let username = written.username.as_deref().map(names::username).transpose();
        let username = username.map_err(|error| refuse("username", error.to_string()))?;
        let password_hash = match written.password_hash.as_deref() {
            Some(hash) => {
                let expected = "this is no bcrypt ($2a$, $2b$, $2y$), argon2id or argon2i hash";
                let imported = password::imported(hash);
                Some(imported.ok_or_else(|| refuse("password_hash", expected.to_owned()))?)
            }
            None => None,
        };
        for (field, words) in [("roles", &written.roles), ("permissions", &written.permissions)] {
            if !words.iter().all(|word| right::is_name(word)) {
                let expected = format!("each has 1 to {} characters, without spaces and commas", right::LONGEST);
                return Err(refuse(field, expected));
            }
        }
        profile::check_own(&written.profile, &[]).map_err(|error| refuse("profile", error.to_string()))?;
        if written.created_at.is_some_and(|at| at > now) {
            return Err(refuse("created_at", "this lies in the future".to_owned()));
        }
        // The nil UUID, which means "no user".
        if written.id.is_some_and(|id| id.is_nil()) {
            return Err(refuse("id", "this is the id of nobody".to_owned()));
        }
        let account = Incoming {
            id: written.id.unwrap_or_else(|| id::new(now)),
            email,
            username,
            password_hash,
            roles: distinct(written.roles),
            permissions: distinct(written.permissions),
            profile: written.profile,
            email_verified_at: written.email_verified.then_some(now),
            created_at: written.created_at.unwrap_or(now),
        };
        Ok(Self { line, account })
    }

    /// The canonical email address.
    pub fn email(&self) -> &str {
        &self.account.email
    }

    pub(crate) fn refuse(&self, field: &str, reason: &str) -> Refusal {
        Refusal {
            line: self.line,
            field: field.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// The parser's message without its line number, which is always 1.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

fn distinct(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 20:00 UTC);
    const HASH: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn a_line_with_everything_is_read() {
        let text = format!(
            r#"{{"id":"0193a5d2-0000-7000-8000-000000000001","email":"Alice@Example.com","username":"Alice","password_hash":"{HASH}","roles":["b","a","b"],"permissions":["x:y"],"profile":{{"name":"Alice"}},"email_verified":true,"created_at":"2019-02-03T04:05:06Z"}}"#
        );
        let account = Candidate::read(1, &text, NOW).ok().unwrap().account;
        assert_eq!(
            (account.email.as_str(), account.username.as_deref()),
            ("alice@example.com", Some("alice"))
        );
        assert_eq!(account.roles, ["a", "b"]);
        assert_eq!(account.created_at, datetime!(2019-02-03 04:05:06 UTC));
        assert_eq!(account.email_verified_at, Some(NOW));
        assert!(
            Candidate::read(1, r#"{"email":"bob@example.com"}"#, NOW).is_ok(),
            "all else may be left out"
        );
    }

    #[test]
    fn a_bad_line_is_named_with_its_field() {
        for (text, field) in [
            ("", ""),
            ("not json", ""),
            (r#"{"email":"a@b.test"} {}"#, ""),
            (r#"{"username":"alice"}"#, ""),
            (r#"{"email":"a@b@c.test"}"#, "email"),
            (r#"{"email":7}"#, "email"),
            (r#"{"email":"a@b.test","username":"a b"}"#, "username"),
            (r#"{"email":"a@b.test","password_hash":"hunter2"}"#, "password_hash"),
            (
                r#"{"email":"a@b.test","password_hash":"$1$salt$hash"}"#,
                "password_hash",
            ),
            (r#"{"email":"a@b.test","roles":["a,b"]}"#, "roles"),
            (r#"{"email":"a@b.test","roles":["a",7]}"#, "roles[1]"),
            (r#"{"email":"a@b.test","permissions":[""]}"#, "permissions"),
            (r#"{"email":"a@b.test","profile":{"roles":["admin"]}}"#, "profile"),
            (r#"{"email":"a@b.test","created_at":"yesterday"}"#, "created_at"),
            (
                r#"{"email":"a@b.test","created_at":"2026-11-24T20:00:01Z"}"#,
                "created_at",
            ),
            (
                r#"{"email":"a@b.test","id":"00000000-0000-0000-0000-000000000000"}"#,
                "id",
            ),
            (r#"{"email":"a@b.test","id":"7"}"#, "id"),
            (r#"{"email":"a@b.test","passwordhash":"x"}"#, "passwordhash"),
        ] {
            let refusal = Candidate::read(17, text, NOW).err().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (refusal.line, refusal.field.as_str()),
                (17, field),
                "{text}: {refusal:?}"
            );
            assert!(
                !refusal.reason.contains("hunter2") && !refusal.reason.contains(" at line "),
                "{refusal:?}"
            );
        }
    }
}
