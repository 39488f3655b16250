//! The messages, and their recipients.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::users::User;

/// A message. Its name is that of its templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// The code that verifies the email address of an account.
    EmailVerification {
        /// The code, six digits.
        code: String,
    },
    /// To the current email address: the code that confirms a change.
    EmailChangeOld {
        /// The code, six digits.
        code: String,
        /// The requested email address.
        new_email: String,
    },
    /// To the new email address: the code that verifies it.
    EmailChangeNew {
        /// The code, six digits.
        code: String,
    },
    /// To the previous email address: it was changed.
    EmailChanged {
        /// The new email address.
        new_email: String,
    },
    /// To the owner of an account: somebody tried to register with the same email address.
    RegistrationAttempted,
    /// A password reset link.
    PasswordReset {
        /// The token of the link.
        token: String,
    },
    /// The password was changed.
    PasswordChanged,
    /// A sign-in from a new device.
    NewDevice {
        /// The name or user agent of the device.
        device: String,
        /// The client IP.
        address: String,
    },
    /// A code that completes a sign-in.
    MfaCode {
        /// The code, six digits.
        code: String,
    },
    /// A second factor was added.
    MfaAdded {
        /// `totp` or `email`.
        method: String,
    },
    /// A second factor was removed.
    MfaRemoved {
        /// `totp` or `email`.
        method: String,
    },
    /// A refresh token was used twice, so that it may have been stolen.
    RefreshReused {
        /// The name or user agent of the session's device.
        device: String,
    },
    /// An invitation to register.
    Invitation {
        /// The token of the link.
        token: String,
    },
}

impl Message {
    /// The names of all messages.
    pub const NAMES: [&str; 13] = [
        "email_verification",
        "email_change_old",
        "email_change_new",
        "email_changed",
        "registration_attempted",
        "password_reset",
        "password_changed",
        "new_device",
        "mfa_code",
        "mfa_added",
        "mfa_removed",
        "refresh_reused",
        "invitation",
    ];

    /// Its name in the table, in metrics, and of its templates.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::EmailVerification { .. } => "email_verification",
            Self::EmailChangeOld { .. } => "email_change_old",
            Self::EmailChangeNew { .. } => "email_change_new",
            Self::EmailChanged { .. } => "email_changed",
            Self::RegistrationAttempted => "registration_attempted",
            Self::PasswordReset { .. } => "password_reset",
            Self::PasswordChanged => "password_changed",
            Self::NewDevice { .. } => "new_device",
            Self::MfaCode { .. } => "mfa_code",
            Self::MfaAdded { .. } => "mfa_added",
            Self::MfaRemoved { .. } => "mfa_removed",
            Self::RefreshReused { .. } => "refresh_reused",
            Self::Invitation { .. } => "invitation",
        }
    }

    /// A sample of each message, to check templates.
    pub fn samples() -> Vec<Self> {
        let code = || "123456".to_owned();
        let token = || "c2FtcGxl".to_owned();
        let new_email = || "new@example.com".to_owned();
        let device = || "Firefox on Linux".to_owned();
        let methods = ["totp", "email"].map(str::to_owned);
        let [totp, email] = methods;
        vec![
            Self::EmailVerification { code: code() },
            Self::EmailChangeOld {
                code: code(),
                new_email: new_email(),
            },
            Self::EmailChangeNew { code: code() },
            Self::EmailChanged { new_email: new_email() },
            Self::RegistrationAttempted,
            Self::PasswordReset { token: token() },
            Self::PasswordChanged,
            Self::NewDevice {
                device: device(),
                address: "192.0.2.1".to_owned(),
            },
            Self::MfaCode { code: code() },
            Self::MfaAdded { method: totp.clone() },
            Self::MfaAdded { method: email.clone() },
            Self::MfaRemoved { method: totp },
            Self::MfaRemoved { method: email },
            Self::RefreshReused { device: device() },
            Self::Invitation { token: token() },
        ]
    }
}

/// The recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The account; `None` for an invitation.
    pub user_id: Option<Uuid>,
    /// The email address.
    pub email: String,
    /// The name of the recipient, if known.
    pub name: Option<String>,
}

impl Recipient {
    /// The owner of an account.
    pub fn of(user: &User) -> Self {
        // The name only for a verified email address: otherwise anybody could register with another's email address and
        // send them a text of their choice in the name.
        let proven = user.email_verified_at.is_some();
        let name = user.profile.get("name").and_then(|name| name.as_str());
        Self {
            user_id: Some(user.id),
            email: user.email.clone(),
            name: name.filter(|_| proven).map(str::to_owned),
        }
    }

    /// An email address without an account.
    pub fn without_account(email: &str) -> Self {
        Self {
            user_id: None,
            email: email.to_owned(),
            name: None,
        }
    }
}

/// The encrypted content of a row of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) to: Recipient,
    #[serde(flatten)]
    pub(crate) message: Message,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_is_a_sample_of_every_message() {
        let sampled: BTreeSet<_> = Message::samples().iter().map(Message::as_str).collect();
        assert_eq!(sampled, BTreeSet::from(Message::NAMES));
    }

    #[test]
    fn a_payload_comes_out_of_the_queue_as_it_went_in() {
        for message in Message::samples() {
            let to = Recipient {
                user_id: None,
                email: "alice@example.com".into(),
                name: None,
            };
            let payload = Payload { to, message };
            let stored = serde_json::to_vec(&payload).unwrap();
            assert_eq!(serde_json::from_slice::<Payload>(&stored).unwrap(), payload);
        }
    }
}
