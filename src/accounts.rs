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

mod access;
mod account;
mod clients;
mod codes;
mod devices;
mod email_change;
mod error;
mod import;
mod invitations;
mod letters;
mod limits;
mod lock;
mod login;
pub mod mail;
mod mailed_token;
mod mfa;
pub mod names;
mod open;
mod operator;
mod origin;
mod overview;
mod pair;
pub mod password;
mod password_change;
mod profile;
mod reauthenticate;
mod recovery;
mod refresh;
mod register;
mod reset;
mod retry;
mod revoker;
mod sessions;
pub mod settings;
mod stuffing;
pub mod tokens;
mod totp;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

pub use access::SessionOf;
pub use account::Account;
pub use clients::{Client, ClientError, Credentials};
pub use devices::LIFE as DEVICE_TOKEN_LIFE;
pub use email_change::{EmailChangeError, EmailConfirmError};
pub use error::Failure;
pub use import::{Candidate, Imported, Refusal};
pub use invitations::{InvitationError, Invited};
pub use letters::LetterError;
pub use limits::{Limiter, RateLimited, Take, Taken};
pub use login::{Attempt, Login, LoginError};
pub use mail::{Letter, Recipient};
pub use mfa::{Challenge, Enrolment, Factor, Method, MfaError, MfaStatus, Raised};
pub use open::SignedIn;
pub use operator::{Edit, Grant, NewAccount, Operator, OperatorError};
pub use origin::Origin;
pub use overview::{ONLINE_WITHIN, Online, Presence, Stats};
pub use pair::Pair;
pub use password::Hasher;
pub use password_change::PasswordChangeError;
pub use profile::{Change, ProfileError, SELF_DESCRIBED};
pub use refresh::{Flights, RefreshError};
pub use register::{Registration, RegistrationError};
pub use reset::ResetError;
pub use revoker::{Apply, Publish, Revoker};
pub use sessions::Scope;
pub use settings::Settings;
pub use verification::{Claimant, CodeError};

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
            expires_at: now + self.settings.access_token.longest_life() + revoker::LEEWAY,
        }
    }
}

/// Seconds for `Retry-After`: rounded up, at least one, since zero asks for a stampede.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0 || duration.is_zero())
}
