//! What the `/auth` endpoints and the command line share: who may sign in, which sessions are open, which tokens they
//! hold.
//!
//! PostgreSQL is the truth. Each service decides inside one transaction that holds the user's row, writes its audit entry
//! there, and makes the end of sessions known only after it is committed: a revocation that was published but rolled back
//! would sign somebody out by accident, one that was committed but not published dies with the access tokens' short life.
//!
//! ```text
//! login ──► session ──► refresh ──► refresh ──► … ──► logout
//!             │            │ a used token comes back: the same answer, once more, or the session's end
//!             └ access token (minutes) + refresh token (days), each refresh replaces both
//! ```

pub mod account;
pub mod clients;
pub mod email;
pub mod error;
pub mod login;
pub mod mfa;
pub mod operator;
pub mod origin;
pub mod overview;
pub mod password;
pub mod profile;
pub mod registration;
pub mod sessions;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

pub use account::Account;
pub use clients::{Client, ClientError, Credentials};
pub use email::change::{EmailChangeError, EmailConfirmError};
pub use email::request::EmailRequestError;
pub use email::verification::{Claimant, CodeError};
pub use error::Failure;
pub use login::attempt::{Attempt, Login, LoginError};
pub use login::devices::LIFE as DEVICE_TOKEN_LIFE;
pub use login::limits::{Limiter, RateLimited, Take, Taken};
pub use mfa::enrolment::Enrolment;
pub use mfa::factors::{Challenge, Factor, Method, MfaError, MfaStatus};
pub use mfa::step_up::Raised;
pub use operator::accounts::{NewAccount, Operator, OperatorError};
pub use operator::edit::Edit;
pub use operator::rights::Grant;
pub use origin::Origin;
pub use overview::{ONLINE_WITHIN, Online, Presence, Stats};
pub use password::Hasher;
pub use password::change::PasswordChangeError;
pub use password::reset::ResetError;
pub use profile::{Change, ProfileError, SELF_DESCRIBED};
pub use registration::import::{Candidate, Imported, Refusal};
pub use registration::invitations::{InvitationError, Invited};
pub use registration::register::{Registration, RegistrationError};
pub use sessions::access::SessionOf;
pub use sessions::end::Scope;
pub use sessions::open::SignedIn;
pub use sessions::pair::Pair;
pub use sessions::refresh::{Flights, RefreshError};
pub use sessions::revoker::{Apply, Publish, Revoker};
pub use settings::Settings;

pub use crate::keys::issuer::JWKS_MAX_AGE;
pub use crate::store::audit::{Entry as AuditEntry, Event, Filter as AuditFilter, Outcome};
pub use crate::store::invitations::Invitation;
pub use crate::store::sessions::Session;
pub use crate::store::users::{Deleted, Page, User};

use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;
use crate::store::revocations::{Revocation, Subject};

/// The services. One per process; every request shares it.
pub struct Accounts {
    /// What the configuration says.
    pub settings: Arc<Settings>,
    /// The truth.
    pub postgres: Postgres,
    /// What may be lost: codes, what was last seen.
    pub redis: Redis,
    /// Sign and verify.
    pub keys: Arc<Keys>,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Equal refreshes under way.
    pub flights: Flights,
    /// Makes ended sessions known.
    pub revoker: Arc<Revoker>,
    /// Counts attempts.
    pub limiter: Limiter,
    /// Wakes what sends letters.
    pub letters_wait: tokio::sync::Notify,
    /// Counts everything else.
    pub metrics: Arc<Metrics>,
}

impl Accounts {
    /// The end of a session's access tokens.
    fn session_ended(&self, session_id: Uuid, now: OffsetDateTime) -> Revocation {
        self.revocation(Subject::Sid(session_id.to_string()), now)
    }

    /// The end of all access tokens that a user was issued until now.
    fn user_outdated(&self, user_id: Uuid, now: OffsetDateTime) -> Revocation {
        self.revocation(
            Subject::User {
                id: user_id.to_string(),
                valid_after: now,
            },
            now,
        )
    }

    /// A revocation that outlives every token it concerns.
    fn revocation(&self, subject: Subject, now: OffsetDateTime) -> Revocation {
        Revocation {
            subject,
            expires_at: now + self.settings.access_token.longest_life() + sessions::revoker::LEEWAY,
        }
    }
}

/// Seconds for `Retry-After`: rounded up, at least one, since zero asks for a stampede.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0 || duration.is_zero())
}
