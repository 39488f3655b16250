//! `auth.mail` as checked values.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::links::Links;
use crate::mail::templates::Templates;
use crate::secret::Secret;

pub use lettre::message::Mailbox;

pub use crate::mail::smtp::{Security, Smtp, is_loopback};

/// The settings of email. Without them no email is sent, and operations that need it are refused.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `auth.mail.from`: the sender.
    pub from: Mailbox,
    /// `auth.mail.reply_to`.
    pub reply_to: Option<Mailbox>,
    /// `auth.mail.transport` with its settings.
    pub transport: Transport,
    /// `auth.mail.product`: the name of the service in messages.
    pub product: String,
    /// `server.public_url`, which is shown below each message.
    pub home: Option<String>,
    /// `auth.mail.links`.
    pub links: Links,
    /// `auth.mail.retry`.
    pub retry: Retry,
    /// The built-in templates, with those of `auth.mail.templates` in their place.
    pub templates: Arc<Templates>,
}

impl Mail {
    /// The password for the mail server, if there is one.
    pub fn password(&self) -> Option<&Secret> {
        match &self.transport {
            Transport::Smtp(smtp) => smtp.login.as_ref().map(|(_, password)| password),
            Transport::File { .. } | Transport::Log => None,
        }
    }
}

/// Where messages are sent to.
#[derive(Clone, Debug)]
pub enum Transport {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into a directory, one file per message.
    File {
        /// The directory.
        directory: PathBuf,
    },
    /// Into the log, including codes and links: for development.
    Log,
}

/// `auth.mail.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The maximum number of attempts; 30.
    pub attempts: u32,
    /// The delay before the first retry. Each following one is twice as long.
    pub first: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 30,
            first: Duration::from_secs(10),
            max: Duration::from_secs(3600),
        }
    }
}

/// Parses an email address, with or without a name: `Sidegate <no-reply@example.com>`.
///
/// # Errors
/// When it is malformed.
pub fn mailbox(text: &str) -> Result<Mailbox, &'static str> {
    const EXPECTED: &str = "an email address such as no-reply@example.com or Example <no-reply@example.com>";
    if text.chars().any(char::is_control) {
        return Err(EXPECTED);
    }
    text.parse().map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_may_have_a_name_and_no_line_break() {
        assert_eq!(
            mailbox("Wiki <wiki@example.com>").unwrap().name.as_deref(),
            Some("Wiki")
        );
        for wrong in ["", "wiki", "a@b\r\nBcc: c@d", "Wiki\n <wiki@example.com>"] {
            assert!(mailbox(wrong).is_err(), "{wrong:?}");
        }
    }
}
