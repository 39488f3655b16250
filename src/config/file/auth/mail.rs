//! `auth.mail:`

mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::text::duration::Duration;
use super::super::super::text::secret::SecretSource;

/// How email is sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The sender: an email address, or `Name <email address>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub from: Option<String>,
    /// The `Reply-To` address. Default: `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Where email is sent to.
    pub transport: Transport,
    /// The mail server; only with `transport: smtp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Smtp>,
    /// The directory for `.eml` files; only with `transport: file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The name of the service in messages.
    pub product: String,
    /// A directory with templates that replace the built-in ones, file by file. Read on start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<String>,
    /// Links in messages.
    pub links: Links,
    /// Retries of a message that was not accepted.
    pub retry: Retry,
}

/// Where email is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// To a mail server.
    Smtp,
    /// Into a directory, a file per message.
    File,
    /// Into the log, including codes and links: for development only.
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
    /// The user name for SMTP authentication. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password for SMTP authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// The timeout for sending one message.
    pub timeout: Duration,
    /// A PEM file with the certificate authorities to trust. Default: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// Links in messages: URLs of the application that contain `{token}`, below `server.public_url` or with https.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// The page for setting a new password. Default: `/reset-password?token={token}` of `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
    /// The page for accepting an invitation. Default: `/accept-invitation?token={token}` of `server.public_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

/// Retries of a message that was not accepted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The maximum number of attempts.
    pub attempts: u16,
    /// The delay before the first retry. Each following one is twice as long.
    pub first: Duration,
    /// The longest delay.
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
