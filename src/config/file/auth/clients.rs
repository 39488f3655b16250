//! `auth.clients`: services that can introspect and revoke tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::findings::Findings;
use super::super::super::interpolate::Environment;
use super::super::super::path::KeyPath;
use super::super::super::text::secret::SecretSource;
use super::super::super::weakness;
use crate::accounts::settings;

/// The minimum length of a client secret, in characters: an attacker with many IP addresses could guess a shorter one.
const SECRET_MIN: usize = 32;

/// A service that can introspect and revoke tokens.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// The client id.
    #[schemars(extend("x-required" = true))]
    pub id: String,
    /// The client secret, at least 32 random characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub secret: Option<SecretSource>,
}

/// Reads the list. Mistakes are recorded in `findings`.
pub(super) fn settle(
    clients: &[Client],
    at: &KeyPath,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Vec<settings::Client> {
    let mut settled: Vec<settings::Client> = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        let at = at.index(index);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if client.id.is_empty() || client.id.len() > 64 || !client.id.bytes().all(legal) {
            let expected = "a name of 1 to 64 characters of a-z, A-Z, 0-9, -, _ and .";
            findings.expected(&at.key("id"), expected, format_args!("{:?}", client.id));
        } else if settled.iter().any(|other| other.id == client.id) {
            findings.add(&at.key("id"), format!("{:?} is listed twice", client.id));
        }
        let at_secret = at.key("secret");
        let secret = findings
            .required(&at_secret, client.secret.as_ref())
            .and_then(|source| source.fetch(&at_secret, environment, findings));
        let Some(secret) = secret else { continue };
        let length = secret.expose().chars().count();
        if length < SECRET_MIN {
            let expected = format!("at least {SECRET_MIN} characters, such as `openssl rand -base64 32` makes");
            findings.expected(&at_secret, expected, format_args!("{length}"));
        }
        weakness::report_text(secret.expose(), &at_secret, findings);
        settled.push(settings::Client {
            id: client.id.clone(),
            secret,
        });
    }
    settled
}
