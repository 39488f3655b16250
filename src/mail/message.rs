//! Every message there is, and to whom it goes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::users::User;

/// Every message there is. Its name is that of its templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum Message {
    /// The code that confirms the address of a new account, or of one that asked again.
    EmailVerification {
        /// Six digits.
        code: String,
    },
    /// To the old address: the code that agrees to a change.
    EmailChangeOld {
        /// Six digits.
        code: String,
        /// Where the account would move.
        new_email: String,
    },
    /// To the new address: the code that proves it.
    EmailChangeNew {
        /// Six digits.
        code: String,
    },
    /// To the old address: the account moved.
    EmailChanged {
        /// Where.
        new_email: String,
    },
    /// To the owner of an address with which somebody tried to register again.
    RegistrationAttempted,
    /// The link that replaces a forgotten password.
    PasswordReset {
        /// What the link carries.
        token: String,
    },
    /// The password is another.
    PasswordChanged,
    /// A sign-in with a device that was not seen before.
    NewDevice {
        /// What it calls itself.
        device: String,
        /// From where.
        address: String,
    },
    /// A code that completes a sign-in.
    MfaCode {
        /// Six digits.
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
    /// A refresh token was used twice: somebody else may have it.
    RefreshReused {
        /// What the session's device calls itself.
        device: String,
    },
    /// To somebody without an account yet.
    Invitation {
        /// What the link carries.
        token: String,
    },
}

impl Message {
    /// The words of all messages.
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

    /// Its word in the table, in metrics, and the name of its templates.
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

    /// One of each, to try templates with before there is anybody to write to.
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

/// To whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The account; none for somebody invited.
    pub user_id: Option<Uuid>,
    /// The address.
    pub email: String,
    /// What to call them, if known.
    pub name: Option<String>,
}

impl Recipient {
    /// The owner of an account, at its address.
    pub fn of(user: &User) -> Self {
        // A name goes only to an address that is known to be theirs: else whoever registers could have us write their words
        // to strangers.
        let proven = user.email_verified_at.is_some();
        let name = user.profile.get("name").and_then(|name| name.as_str());
        Self {
            user_id: Some(user.id),
            email: user.email.clone(),
            name: name.filter(|_| proven).map(str::to_owned),
        }
    }

    /// An address of which nothing is known.
    pub fn stranger(email: &str) -> Self {
        Self {
            user_id: None,
            email: email.to_owned(),
            name: None,
        }
    }
}

/// What a row of the queue holds, sealed.
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
