//! What people are written. A letter is queued in the transaction of what it tells about, and sent later by whoever has time:
//! no request waits for a mail server, and none is lost with a process.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Accounts;
use crate::keys::seal;
use crate::store::mail::{self, NewLetter};
use crate::store::postgres::Executor;
use crate::store::{StoreError, id};

/// What a payload is sealed for.
const PURPOSE: &str = "mail";
/// News that nobody has to act on within minutes may be late by this much.
const NEWS: Duration = Duration::from_secs(3 * 86_400);

/// Every letter there is. Its name is that of its templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "letter", rename_all = "snake_case")]
pub enum Letter {
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

impl Letter {
    /// Its word in the table, in metrics, and the name of its templates.
    pub const fn word(&self) -> &'static str {
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

/// What a row of the queue holds, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) to: Recipient,
    #[serde(flatten)]
    pub(super) letter: Letter,
}

impl Accounts {
    /// Whether letters can be sent here. What needs one is refused where they cannot, and says so.
    #[expect(clippy::unused_self, reason = "the configuration decides it")]
    pub fn sends_mail(&self) -> bool {
        true
    }

    /// Queues a letter. `life`: how long it is worth sending, such as the life of its code; news by default.
    pub(super) async fn mail(
        &self,
        db: &impl Executor,
        to: Recipient,
        letter: Letter,
        life: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (word, user_id) = (letter.word(), to.user_id);
        let payload = serde_json::to_vec(&Payload { to, letter }).expect("strings are always JSON");
        let letter = NewLetter {
            id: id::new(now),
            letter: word,
            user_id,
            payload_sealed: &seal::seal(&self.settings.secret, PURPOSE, &payload),
            created_at: now,
            expires_at: now + life.unwrap_or(NEWS),
        };
        mail::insert(db, &letter).await
    }
}
