//! The services behind the `/auth` endpoints and the command line: accounts, sign-in, sessions and tokens.
//!
//! PostgreSQL is the source of truth. Each service decides inside one transaction that locks the user's row, writes its
//! audit entry there, and publishes revocations only after the commit: a revocation that was published and then rolled
//! back would sign somebody out by accident.
//!
//! ```text
//! login ──► session ──► refresh ──► refresh ──► … ──► logout
//!             │            │ a used token again: the same response, or the end of the session
//!             └ access token (minutes) + refresh token (days), each refresh replaces both
//! ```

pub mod account;
pub mod clients;
mod common;
mod configuration;
pub mod directory;
pub mod email;
pub mod error;
pub mod login;
pub mod mfa;
pub mod operator;
pub mod overview;
mod parts;
pub mod password;
pub mod profile;
pub mod reauthentication;
pub mod registration;
pub mod sessions;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

pub use account::Account;
pub use clients::{Client, ClientError, Credentials};
pub use configuration::record_reload;
pub use email::change::{EmailChangeError, EmailConfirmError};
pub use email::request::EmailRequestError;
pub use email::verification::{Claimant, CodeError};
pub use error::Failure;
pub use login::attempt::{Attempt, Login};
pub use login::devices::LIFE as DEVICE_TOKEN_LIFE;
pub use login::error::LoginError;
pub use login::limits::{Limiter, RateLimited, Take, Taken};
pub use mfa::enrolment::Enrolment;
pub use mfa::error::MfaError;
pub use mfa::method::{Factor, Method};
pub use mfa::status::MfaStatus;
pub use mfa::step_up::Raised;
pub use mfa::token::Challenge;
pub use operator::accounts::NewAccount;
pub use operator::actor::Operator;
pub use operator::edit::Edit;
pub use operator::error::OperatorError;
pub use operator::everyone::EndedForAll;
pub use operator::rights::Grant;
pub use overview::{ONLINE_WITHIN, Online, Presence, Stats};
pub use parts::Parts;
pub use password::Hasher;
pub use password::change::PasswordChangeError;
pub use password::reset::ResetError;
pub use profile::{Change, ProfileError, SELF_DESCRIBED};
pub use reauthentication::Proof;
pub use reauthentication::error::ReauthenticationError;
pub use registration::import::{Candidate, Imported, Refusal};
pub use registration::invitations::{InvitationError, Invited};
pub use registration::register::{Registration, RegistrationError};
pub use sessions::access::SessionOf;
pub use sessions::end::Scope;
pub use sessions::open::SignedIn;
pub use sessions::pair::Pair;
pub use sessions::refresh::{Flights, RefreshError};
pub use sessions::revoker::{Apply, LEEWAY as REVOCATION_LEEWAY, Publish, Revoker};
pub use settings::Settings;

pub use crate::audit::Origin;
pub use crate::keys::issuer::JWKS_MAX_AGE;
pub use crate::store::audit::{Entry as AuditEntry, Event, Filter as AuditFilter, Outcome};
pub use crate::store::invitations::Invitation;
pub use crate::store::sessions::Session;
pub use crate::store::user_list::{Deleted, Page};
pub use crate::store::users::User;

use self::account::AccountCache;
use self::clients::TokenClients;
use self::common::Common;
use self::directory::Directory;
use self::login::attempt::PasswordLogin;
use self::login::stuffing::Stuffing;
use self::mfa::factors::Factors;
use self::overview::Overview;
use self::profile::Profiles;
use self::sessions::access::AccessTokens;
use self::sessions::end::Sessions;
use self::sessions::refresh::Refresher;
use crate::keys::Keys;
use crate::mail::Queue;

/// The services. There is one of each per process, shared by all requests.
pub struct Accounts {
    /// The `auth` section of the configuration.
    pub settings: Arc<Settings>,
    /// The signing and verification keys.
    pub keys: Arc<Keys>,
    /// Queues messages.
    pub mail: Arc<Queue>,
    /// Issues access tokens.
    pub access_tokens: Arc<AccessTokens>,
    /// Finds accounts.
    pub directory: Arc<Directory>,
    /// Lists and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Verifies second factors.
    pub factors: Arc<Factors>,
    /// Signs users in with a password.
    pub login: Arc<PasswordLogin>,
    /// Rotates refresh tokens.
    pub refresher: Arc<Refresher>,
    /// Changes and deletes the caller's account.
    pub profiles: Arc<Profiles>,
    /// Cached copies of accounts in Redis, for display and not for decisions.
    pub account_cache: Arc<AccountCache>,
    /// Authenticates services that can introspect and revoke tokens.
    pub token_clients: Arc<TokenClients>,
    /// Lists and counts for operators.
    pub overview: Arc<Overview>,
    /// Password change and reset.
    pub password: password::Services,
    /// Verification and change of email addresses.
    pub email: email::Services,
    /// Registration, invitations and import.
    pub registration: registration::Services,
    /// Second factors.
    pub mfa: mfa::Services,
    /// The operations of operators.
    pub operator: operator::Services,
}

impl Accounts {
    /// Builds the services.
    pub fn new(parts: &Parts) -> Self {
        let common = Common::new(parts);
        let stuffing = Arc::new(Stuffing {
            metrics: Arc::clone(&parts.metrics),
            redis: parts.redis.clone(),
        });
        let login = Arc::new(PasswordLogin {
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&common.directory),
            devices: Arc::clone(&common.devices),
            hasher: Arc::clone(&parts.hasher),
            settings: Arc::clone(&parts.settings),
            failures: Arc::clone(&common.failures),
            stuffing: Arc::clone(&stuffing),
            limiter: Arc::clone(&parts.limiter),
            postgres: parts.postgres.clone(),
            factors: Arc::clone(&common.factors),
            opener: Arc::clone(&common.opener),
        });
        let refresher = Arc::new(Refresher {
            metrics: Arc::clone(&parts.metrics),
            access_tokens: Arc::clone(&common.access_tokens),
            settings: Arc::clone(&parts.settings),
            flights: Flights::default(),
            postgres: parts.postgres.clone(),
            mail: Arc::clone(&common.mail),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
        });
        let profiles = Arc::new(Profiles {
            settings: Arc::clone(&parts.settings),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            reauthentication: Arc::clone(&common.reauthentication),
            sessions: Arc::clone(&common.sessions),
        });
        let account_cache = Arc::new(AccountCache {
            redis: parts.redis.clone(),
            directory: Arc::clone(&common.directory),
            metrics: Arc::clone(&parts.metrics),
        });
        let token_clients = Arc::new(TokenClients {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
        });
        let overview = Arc::new(Overview {
            redis: parts.redis.clone(),
            account_cache: Arc::clone(&account_cache),
            postgres: parts.postgres.clone(),
        });
        Self {
            settings: Arc::clone(&parts.settings),
            keys: Arc::clone(&parts.keys),
            password: password::Services::new(parts, &common),
            email: email::Services::new(parts, &common),
            registration: registration::Services::new(parts, &common),
            mfa: mfa::Services::new(parts, &common),
            operator: operator::Services::new(parts, &common),
            mail: common.mail,
            access_tokens: common.access_tokens,
            directory: common.directory,
            sessions: common.sessions,
            factors: common.factors,
            login,
            refresher,
            profiles,
            account_cache,
            token_clients,
            overview,
        }
    }
}

/// Seconds for `Retry-After`: rounded up, and at least one, because zero would cause immediate retries. 32 bits are a
/// century.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0 || duration.is_zero());
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
