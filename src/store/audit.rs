//! The table `audit_logs`. An entry is written in the transaction of the change it records, so that neither exists
//! without the other.

use std::net::IpAddr;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::postgres::{Executor, FromRecord, Record};
use super::{StoreError, sql};

macro_rules! events {
    ($(#[doc = $text:literal] $variant:ident = $word:literal,)*) => {
        /// The events of audit entries. The table `audit_events` has the same list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event {
            $(#[doc = $text] $variant,)*
        }

        impl Event {
            /// All events, for the documentation and for the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the table, in filters and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The sentence that says when it is written: the documentation is made from it.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $text.trim_ascii(),)*
                }
            }
        }
    };
}

events! {
    /// A user registered an account.
    UserRegistered = "user_registered",
    /// An operator created an account.
    UserCreated = "user_created",
    /// An account was deleted.
    UserDeleted = "user_deleted",
    /// A deleted account was restored.
    UserRestored = "user_restored",
    /// An operator locked an account.
    UserLocked = "user_locked",
    /// An operator unlocked an account.
    UserUnlocked = "user_unlocked",
    /// An operator invited somebody to register.
    UserInvited = "user_invited",
    /// An invitation was withdrawn.
    InvitationRevoked = "invitation_revoked",
    /// An account was imported from another system.
    UserImported = "user_imported",
    /// A user signed in, and a session was opened.
    LoginSucceeded = "login_succeeded",
    /// A sign-in failed: wrong password, locked or unknown account.
    LoginFailed = "login_failed",
    /// Too many failed sign-ins locked an account.
    AccountLocked = "account_locked",
    /// A user signed in from a device that the account was not used from before.
    NewDeviceSeen = "new_device_seen",
    /// A refresh token was exchanged for a new one.
    TokenRefreshed = "token_refreshed",
    /// A used refresh token was used again, and its session was ended.
    RefreshReused = "refresh_reused",
    /// A used refresh token was accepted once more, because the response with its successor was lost.
    RefreshResponseLost = "refresh_response_lost",
    /// A single token was revoked (RFC 7009).
    TokenRevoked = "token_revoked",
    /// A user signed out.
    LoggedOut = "logged_out",
    /// A session was ended from another session or by an operator.
    SessionRevoked = "session_revoked",
    /// All sessions of an account, or of all accounts, were ended.
    SessionsRevoked = "sessions_revoked",
    /// A user changed the password.
    PasswordChanged = "password_changed",
    /// An operator set a password.
    PasswordSet = "password_set",
    /// The hash of a password was replaced, because its parameters were outdated.
    PasswordRehashed = "password_rehashed",
    /// A password reset was requested.
    PasswordResetRequested = "password_reset_requested",
    /// A password was reset with an emailed link.
    PasswordReset = "password_reset",
    /// An operator required a password change at the next sign-in.
    PasswordResetRequired = "password_reset_required",
    /// A verification code was sent by email.
    EmailVerificationRequested = "email_verification_requested",
    /// An email address was verified.
    EmailVerified = "email_verified",
    /// A wrong code was submitted to verify an email address.
    EmailVerificationFailed = "email_verification_failed",
    /// A change of the email address was requested.
    EmailChangeRequested = "email_change_requested",
    /// The email address of an account was changed.
    EmailChanged = "email_changed",
    /// A user changed the profile or the username.
    ProfileChanged = "profile_changed",
    /// The roles of an account changed.
    RolesChanged = "roles_changed",
    /// The permissions of an account changed.
    PermissionsChanged = "permissions_changed",
    /// A user started to add a second factor.
    MfaEnrolled = "mfa_enrolled",
    /// A second factor was confirmed, and sign-ins require it from now on.
    MfaConfirmed = "mfa_confirmed",
    /// A second factor was removed.
    MfaRemoved = "mfa_removed",
    /// A second factor was accepted.
    MfaSucceeded = "mfa_succeeded",
    /// A wrong second factor was submitted.
    MfaFailed = "mfa_failed",
    /// Emailed codes were enabled as a second factor.
    MfaEmailEnabled = "mfa_email_enabled",
    /// Emailed codes were disabled as a second factor.
    MfaEmailDisabled = "mfa_email_disabled",
    /// New recovery codes were created and replaced the old ones.
    RecoveryCodesCreated = "recovery_codes_created",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used",
    /// A signing key was created.
    SigningKeyCreated = "signing_key_created",
    /// The next signing key became the active one.
    SigningKeyRotated = "signing_key_rotated",
    /// A signing key was retired.
    SigningKeyRetired = "signing_key_retired",
    /// All encrypted values in the database were moved to the current `auth.secret`.
    SecretsResealed = "secrets_resealed",
    /// Client authentication failed at an endpoint for services.
    ClientRefused = "client_refused",
    /// An email could not be delivered, and will not be retried.
    MailFailed = "mail_failed",
    /// A new configuration was loaded.
    ConfigReloaded = "config_reloaded",
}

impl Event {
    /// The event with this name, for filters.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == word)
    }
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The action succeeded.
    Success,
    /// The action was refused.
    Failure,
}

impl Outcome {
    /// Both outcomes.
    pub const ALL: [Self; 2] = [Self::Success, Self::Failure];

    /// The name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }

    /// The outcome with this name, for filters.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// An audit entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key, from [`super::id::new`].
    pub id: Uuid,
    /// The time of the event.
    pub at: OffsetDateTime,
    /// The event.
    pub event: Event,
    /// The outcome.
    pub outcome: Outcome,
    /// The user who did it; `None` for an anonymous caller or the system.
    pub actor_id: Option<Uuid>,
    /// The affected user.
    pub user_id: Option<Uuid>,
    /// The session of the caller, or the affected one.
    pub session_id: Option<Uuid>,
    /// The client IP.
    pub address: Option<IpAddr>,
    /// The user agent of the client.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Details that depend on the event; never a token, a password or a code.
    pub data: Map<String, Value>,
}

impl FromRecord for Entry {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.get("id")?,
            at: record.get("at")?,
            event: record.named("event", Event::parse)?,
            outcome: record.named("outcome", Outcome::parse)?,
            actor_id: record.get("actor_id")?,
            user_id: record.get("user_id")?,
            session_id: record.get("session_id")?,
            address: record.get("address")?,
            user_agent: record.get("user_agent")?,
            request_id: record.get("request_id")?,
            data: record.json("data")?,
        })
    }
}

/// Inserts the entry.
pub async fn insert(db: &impl Executor, entry: &Entry) -> Result<(), StoreError> {
    db.execute(
        &sql::AUDIT_INSERT,
        &[
            &entry.id,
            &entry.at,
            &entry.event.as_str(),
            &entry.outcome.as_str(),
            &entry.actor_id,
            &entry.user_id,
            &entry.session_id,
            &entry.address,
            &entry.user_agent,
            &entry.request_id,
            &Json(&entry.data),
        ],
    )
    .await
    .map(drop)
}

/// The member of `data` that names a single token, for `token_revoked`.
pub const TOKEN_ID: &str = "token_id";

/// Filters of a page of entries. `None` matches all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// The affected user.
    pub user_id: Option<Uuid>,
    /// The user who did it.
    pub actor_id: Option<Uuid>,
    /// The session of the caller, or the affected one.
    pub session_id: Option<Uuid>,
    /// The client IP.
    pub address: Option<IpAddr>,
    /// The event.
    pub event: Option<Event>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Entries at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Entries before this time.
    pub until: Option<OffsetDateTime>,
    /// The last entry of the previous page: its time and id.
    pub before: Option<(OffsetDateTime, Uuid)>,
}

/// Bounds that match everything: a time before every entry, a time after every entry, and the greatest id. With a bound
/// that can be null, PostgreSQL would not use the index.
const FIRST: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
const LAST: OffsetDateTime = datetime!(9999-12-31 0:00 UTC);

/// A page of entries, the newest first. The most selective of the given filters determines the index.
pub async fn list(db: &impl Executor, filter: &Filter, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let query = match filter {
        Filter {
            session_id: Some(_), ..
        } => &sql::AUDIT_LIST_BY_SESSION,
        Filter { user_id: Some(_), .. } => &sql::AUDIT_LIST_BY_USER,
        Filter { actor_id: Some(_), .. } => &sql::AUDIT_LIST_BY_ACTOR,
        Filter { address: Some(_), .. } => &sql::AUDIT_LIST_BY_ADDRESS,
        Filter { event: Some(_), .. } => &sql::AUDIT_LIST_BY_EVENT,
        _ => &sql::AUDIT_LIST,
    };
    let (before_at, before_id) = filter.before.unwrap_or((LAST, Uuid::max()));
    db.many(
        query,
        &[
            &filter.user_id,
            &filter.actor_id,
            &filter.session_id,
            &filter.address,
            &filter.event.map(Event::as_str),
            &filter.outcome.map(Outcome::as_str),
            &filter.since.unwrap_or(FIRST),
            &filter.until.unwrap_or(LAST),
            &before_at,
            &before_id,
            &i64::from(limit),
        ],
    )
    .await
}

/// The number of entries of an event since a time, at most `at_most`.
pub async fn count(db: &impl Executor, event: Event, since: OffsetDateTime, at_most: i64) -> Result<i64, StoreError> {
    let count: Counted = db.one(&sql::AUDIT_COUNT, &[&event.as_str(), &since, &at_most]).await?;
    Ok(count.0)
}

struct Counted(i64);

impl FromRecord for Counted {
    fn from_record(record: &Record) -> Result<Self, StoreError> {
        record.get("entries").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_the_same_events() {
        let schema = include_str!("../../sql/schema.sql");
        let list = schema.split_once("INSERT INTO audit_events (name)\nVALUES").unwrap().1;
        let list = list.split_once(';').unwrap().0;
        let words: Vec<&str> = list.split('\'').skip(1).step_by(2).collect();
        let ours: Vec<&str> = Event::ALL.iter().map(|event| event.as_str()).collect();
        assert_eq!(words, ours);
    }
}
