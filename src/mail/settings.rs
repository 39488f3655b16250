//! `auth.mail`, as values that are already right.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::links::Links;
use crate::mail::templates::Templates;
use crate::secret::Secret;

pub use lettre::message::Mailbox;

pub use crate::mail::smtp::{Security, Smtp, is_loopback};

/// How messages leave. Without it none does, and what needs one is refused.
#[derive(Clone, Debug)]
pub struct Mail {
    /// `auth.mail.from`: who writes.
    pub from: Mailbox,
    /// `auth.mail.reply_to`: who is answered, if that is somebody else.
    pub reply_to: Option<Mailbox>,
    /// `auth.mail.transport`, with what it needs.
    pub transport: Transport,
    /// `auth.mail.product`: what messages call the service.
    pub product: String,
    /// `server.public_url`, shown below each message.
    pub home: Option<String>,
    /// `auth.mail.links`.
    pub links: Links,
    /// `auth.mail.retry`.
    pub retry: Retry,
    /// Ours, and those of `auth.mail.templates` in their place.
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

/// Which way messages take.
#[derive(Clone, Debug)]
pub enum Transport {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into a folder, one file each.
    File {
        /// Which.
        directory: PathBuf,
    },
    /// Into the log, codes and all: for development.
    Log,
}

/// `auth.mail.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries before a message is given up; 30.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// No pause is longer.
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

/// Reads an address, with or without a name: `Sidegate <no-reply@example.com>`.
///
/// # Errors
/// When it is none.
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
    use crate::mail::links::Link;

    #[test]
    fn only_the_place_of_the_token_is_replaced() {
        let link = Link("https://a.test/{x}?token={token}".into());
        assert_eq!(link.with("aB-_9"), "https://a.test/{x}?token=aB-_9");
        assert_eq!(
            link.with("{token}&next=//evil\r\n"),
            "https://a.test/{x}?token=tokennextevil"
        );
    }

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
