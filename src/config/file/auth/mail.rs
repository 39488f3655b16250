//! `auth.mail:`

mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::text::duration::Duration;
use super::super::super::text::secret::SecretSource;

/// How letters leave.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Who writes: an address, or `Name <address>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub from: Option<String>,
    /// Who is answered. Default: `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Which way letters take.
    pub transport: Transport,
    /// The mail server; only with `transport: smtp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Smtp>,
    /// The folder for `.eml` files; only with `transport: file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// What letters call the service.
    pub product: String,
    /// A folder with templates in the place of ours, file by file. Read at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<String>,
    /// Where letters send people.
    pub links: Links,
    /// How often a letter is tried.
    pub retry: Retry,
}

/// Which way letters take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// To a mail server.
    Smtp,
    /// Into a folder.
    File,
    /// Into the log, codes and all.
    Log,
}

/// The mail server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// `smtp://host:587` (STARTTLS, required) or `smtps://host:465`; to this machine `smtp://127.0.0.1:25?tls=none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub url: Option<String>,
    /// Who we are to it. Default: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How we prove it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// The deadline of sending one letter.
    pub timeout: Duration,
    /// A file with the only authorities (PEM) that may vouch for its certificate. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// Where letters send people: URLs of the application with `{token}` in them, below `server.public_url` or with https.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The page where a new password is chosen. Default: `/reset-password?token={token}` of `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
    /// The page where an invitation is accepted. Default: `/accept-invitation?token={token}` of `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// How often a letter is tried.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Tries before it is given up.
    pub attempts: u16,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            from: None,
            reply_to: None,
            transport: Transport::Smtp,
            smtp: None,
            directory: None,
            product: "Sidegate".to_owned(),
            templates: None,
            links: Links::default(),
            retry: Retry::default(),
        }
    }
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            password: None,
            timeout: Duration::seconds(10),
            ca_file: None,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 30,
            first: Duration::seconds(10),
            max: Duration::minutes(60),
        }
    }
}
