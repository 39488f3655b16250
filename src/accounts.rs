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
pub mod directory;
pub mod email;
pub mod error;
pub mod login;
pub mod mfa;
pub mod operator;
pub mod overview;
pub mod password;
pub mod profile;
pub mod registration;
pub mod sessions;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

pub use account::Account;
pub use clients::{Client, ClientError, Credentials};
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
pub use operator::rights::Grant;
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

pub use crate::audit::Origin;
pub use crate::keys::issuer::JWKS_MAX_AGE;
pub use crate::store::audit::{Entry as AuditEntry, Event, Filter as AuditFilter, Outcome};
pub use crate::store::invitations::Invitation;
pub use crate::store::sessions::Session;
pub use crate::store::user_list::{Deleted, Page};
pub use crate::store::users::User;

use self::account::AccountCache;
use self::clients::TokenClients;
use self::directory::Directory;
use self::email::change::EmailChange;
use self::email::codes::Codes;
use self::email::verification::EmailVerification;
use self::login::attempt::PasswordLogin;
use self::login::devices::Devices;
use self::login::failures::Failures;
use self::login::limits::windows::Limits;
use self::login::reauthenticate::Reauthentication;
use self::login::stuffing::Stuffing;
use self::mfa::by_email::EmailFactor;
use self::mfa::enrolment::Authenticators;
use self::mfa::factors::Factors;
use self::mfa::operator::FactorReset;
use self::mfa::second_step::SecondStep;
use self::mfa::step_up::StepUp;
use self::operator::accounts::AccountAdmin;
use self::operator::edit::AccountEdits;
use self::operator::rights::AccountRights;
use self::operator::sessions::AccountSessions;
use self::operator::standing::AccountStanding;
use self::overview::Overview;
use self::password::change::PasswordChange;
use self::password::reset::PasswordReset;
use self::password::retry::RepeatedRequests;
use self::profile::Profiles;
use self::registration::import::Imports;
use self::registration::invitations::Invitations;
use self::registration::register::Registrations;
use self::sessions::access::AccessTokens;
use self::sessions::end::Sessions;
use self::sessions::open::SessionOpener;
use self::sessions::refresh::Refresher;
use crate::keys::Keys;
use crate::mail::Queue;
use crate::metrics::Metrics;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;

/// The services. One of each per process; every request shares them.
pub struct Accounts {
    /// The `auth` section of the configuration.
    pub settings: Arc<Settings>,
    /// The signing keys and those that verify.
    pub keys: Arc<Keys>,
    /// Issues access tokens.
    pub access_tokens: Arc<AccessTokens>,
    /// Queues messages.
    pub mail: Arc<Queue>,
    /// Lists and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Recognizes devices that signed in before.
    pub devices: Arc<Devices>,
    /// Rotates refresh tokens.
    pub refresher: Arc<Refresher>,
    /// Finds accounts.
    pub directory: Arc<Directory>,
    /// Compares and spends second factors.
    pub factors: Arc<Factors>,
    /// Signs people in with a password.
    pub login: Arc<PasswordLogin>,
    /// Enrols and removes authenticators, and makes recovery codes.
    pub authenticators: Arc<Authenticators>,
    /// Codes by email as a second factor.
    pub email_factor: Arc<EmailFactor>,
    /// Completes a sign-in with a second factor.
    pub second_step: Arc<SecondStep>,
    /// Raises a session with a second factor.
    pub step_up: Arc<StepUp>,
    /// Shows and removes the second factors of somebody else.
    pub factor_reset: Arc<FactorReset>,
    /// Replaces the password of somebody who knows the current one.
    pub password_change: Arc<PasswordChange>,
    /// Replaces a forgotten password by an emailed link.
    pub password_reset: Arc<PasswordReset>,
    /// Confirms email addresses with a code.
    pub email_verification: Arc<EmailVerification>,
    /// Moves an account to another email address.
    pub email_change: Arc<EmailChange>,
    /// Invites people to register.
    pub invitations: Arc<Invitations>,
    /// Creates accounts for those who register.
    pub registrations: Arc<Registrations>,
    /// Imports accounts from another system.
    pub imports: Arc<Imports>,
    /// Creates accounts and sets passwords for an operator.
    pub admin: Arc<AccountAdmin>,
    /// Grants and takes away roles and permissions.
    pub rights: Arc<AccountRights>,
    /// Changes accounts for an operator.
    pub edits: Arc<AccountEdits>,
    /// Ends the sessions of an account for an operator.
    pub account_sessions: Arc<AccountSessions>,
    /// Locks, unlocks, deletes and restores accounts.
    pub standing: Arc<AccountStanding>,
    /// Changes and deletes the account of the person signed in.
    pub profiles: Arc<Profiles>,
    /// Copies of accounts in Redis, to be shown and not to be decided by.
    pub account_cache: Arc<AccountCache>,
    /// The services that may introspect and revoke tokens.
    pub token_clients: Arc<TokenClients>,
    /// Lists and counts for operators.
    pub overview: Arc<Overview>,
}

/// What the services are made of.
pub struct Parts {
    /// The `auth` section of the configuration.
    pub settings: Arc<Settings>,
    /// Holds everything that must not be lost.
    pub postgres: Postgres,
    /// Holds codes, limits and what was last seen, all of which may be lost.
    pub redis: Redis,
    /// The signing keys and those that verify.
    pub keys: Arc<Keys>,
    /// Hashes passwords on threads of its own.
    pub hasher: Arc<Hasher>,
    /// Publishes revocations.
    pub revoker: Arc<Revoker>,
    /// Counts attempts.
    pub limiter: Arc<Limiter>,
    /// Counters of everything else.
    pub metrics: Arc<Metrics>,
}

impl Accounts {
    /// Joins the services.
    pub fn new(parts: &Parts) -> Self {
        let access_tokens = Arc::new(AccessTokens {
            keys: Arc::clone(&parts.keys),
            settings: Arc::clone(&parts.settings),
            metrics: Arc::clone(&parts.metrics),
        });
        let mail = Arc::new(Queue::new(
            parts.settings.mail.clone().map(Arc::new),
            parts.settings.secret.clone(),
        ));
        let limits = Arc::new(Limits {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
            metrics: Arc::clone(&parts.metrics),
        });
        let codes = Arc::new(Codes {
            redis: parts.redis.clone(),
            settings: Arc::clone(&parts.settings),
        });
        let reauthentication = Arc::new(Reauthentication {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
            hasher: Arc::clone(&parts.hasher),
        });
        let repeated_requests = Arc::new(RepeatedRequests {
            limiter: Arc::clone(&parts.limiter),
            hasher: Arc::clone(&parts.hasher),
        });
        let sessions = Arc::new(Sessions {
            postgres: parts.postgres.clone(),
            redis: parts.redis.clone(),
            metrics: Arc::clone(&parts.metrics),
            revoker: Arc::clone(&parts.revoker),
            settings: Arc::clone(&parts.settings),
        });
        let devices = Arc::new(Devices {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
        });
        let opener = Arc::new(SessionOpener {
            access_tokens: Arc::clone(&access_tokens),
            metrics: Arc::clone(&parts.metrics),
            devices: Arc::clone(&devices),
            mail: Arc::clone(&mail),
            settings: Arc::clone(&parts.settings),
        });
        let refresher = Arc::new(Refresher {
            metrics: Arc::clone(&parts.metrics),
            access_tokens: Arc::clone(&access_tokens),
            settings: Arc::clone(&parts.settings),
            flights: Flights::default(),
            postgres: parts.postgres.clone(),
            mail: Arc::clone(&mail),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
        });
        let directory = Arc::new(Directory {
            postgres: parts.postgres.clone(),
        });
        let failures = Arc::new(Failures {
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
        });
        let stuffing = Arc::new(Stuffing {
            metrics: Arc::clone(&parts.metrics),
            redis: parts.redis.clone(),
        });
        let factors = Arc::new(Factors {
            directory: Arc::clone(&directory),
            postgres: parts.postgres.clone(),
            mail: Arc::clone(&mail),
            codes: Arc::clone(&codes),
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
            reauthentication: Arc::clone(&reauthentication),
            limits: Arc::clone(&limits),
        });
        let login = Arc::new(PasswordLogin {
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&directory),
            devices: Arc::clone(&devices),
            hasher: Arc::clone(&parts.hasher),
            settings: Arc::clone(&parts.settings),
            failures: Arc::clone(&failures),
            stuffing: Arc::clone(&stuffing),
            limiter: Arc::clone(&parts.limiter),
            postgres: parts.postgres.clone(),
            factors: Arc::clone(&factors),
            opener: Arc::clone(&opener),
        });
        let authenticators = Arc::new(Authenticators {
            factors: Arc::clone(&factors),
            postgres: parts.postgres.clone(),
            settings: Arc::clone(&parts.settings),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
        });
        let email_factor = Arc::new(EmailFactor {
            mail: Arc::clone(&mail),
            factors: Arc::clone(&factors),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&directory),
            limits: Arc::clone(&limits),
            codes: Arc::clone(&codes),
        });
        let second_step = Arc::new(SecondStep {
            metrics: Arc::clone(&parts.metrics),
            factors: Arc::clone(&factors),
            postgres: parts.postgres.clone(),
            failures: Arc::clone(&failures),
            opener: Arc::clone(&opener),
            settings: Arc::clone(&parts.settings),
            email_factor: Arc::clone(&email_factor),
            limiter: Arc::clone(&parts.limiter),
            limits: Arc::clone(&limits),
        });
        let step_up = Arc::new(StepUp {
            factors: Arc::clone(&factors),
            postgres: parts.postgres.clone(),
            access_tokens: Arc::clone(&access_tokens),
            metrics: Arc::clone(&parts.metrics),
        });
        let factor_reset = Arc::new(FactorReset {
            factors: Arc::clone(&factors),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
        });
        let password_change = Arc::new(PasswordChange {
            settings: Arc::clone(&parts.settings),
            directory: Arc::clone(&directory),
            reauthentication: Arc::clone(&reauthentication),
            hasher: Arc::clone(&parts.hasher),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
            sessions: Arc::clone(&sessions),
        });
        let password_reset = Arc::new(PasswordReset {
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
            limits: Arc::clone(&limits),
            postgres: parts.postgres.clone(),
            settings: Arc::clone(&parts.settings),
            directory: Arc::clone(&directory),
            hasher: Arc::clone(&parts.hasher),
            sessions: Arc::clone(&sessions),
            repeated_requests: Arc::clone(&repeated_requests),
        });
        let email_verification = Arc::new(EmailVerification {
            metrics: Arc::clone(&parts.metrics),
            limits: Arc::clone(&limits),
            postgres: parts.postgres.clone(),
            directory: Arc::clone(&directory),
            codes: Arc::clone(&codes),
            mail: Arc::clone(&mail),
        });
        let email_change = Arc::new(EmailChange {
            mail: Arc::clone(&mail),
            directory: Arc::clone(&directory),
            settings: Arc::clone(&parts.settings),
            reauthentication: Arc::clone(&reauthentication),
            limits: Arc::clone(&limits),
            postgres: parts.postgres.clone(),
            codes: Arc::clone(&codes),
            metrics: Arc::clone(&parts.metrics),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
        });
        let invitations = Arc::new(Invitations {
            settings: Arc::clone(&parts.settings),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
        });
        let registrations = Arc::new(Registrations {
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
            limits: Arc::clone(&limits),
            invitations: Arc::clone(&invitations),
            postgres: parts.postgres.clone(),
            hasher: Arc::clone(&parts.hasher),
            mail: Arc::clone(&mail),
            repeated_requests: Arc::clone(&repeated_requests),
            codes: Arc::clone(&codes),
        });
        let imports = Arc::new(Imports {
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
        });
        let admin = Arc::new(AccountAdmin {
            hasher: Arc::clone(&parts.hasher),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&directory),
            sessions: Arc::clone(&sessions),
            access_tokens: Arc::clone(&access_tokens),
            settings: Arc::clone(&parts.settings),
        });
        let rights = Arc::new(AccountRights {
            postgres: parts.postgres.clone(),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let edits = Arc::new(AccountEdits {
            postgres: parts.postgres.clone(),
            rights: Arc::clone(&rights),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let account_sessions = Arc::new(AccountSessions {
            postgres: parts.postgres.clone(),
            sessions: Arc::clone(&sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let standing = Arc::new(AccountStanding {
            postgres: parts.postgres.clone(),
            sessions: Arc::clone(&sessions),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&mail),
            settings: Arc::clone(&parts.settings),
        });
        let profiles = Arc::new(Profiles {
            settings: Arc::clone(&parts.settings),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&directory),
            reauthentication: Arc::clone(&reauthentication),
            sessions: Arc::clone(&sessions),
        });
        let account_cache = Arc::new(AccountCache {
            redis: parts.redis.clone(),
            directory: Arc::clone(&directory),
            metrics: Arc::clone(&parts.metrics),
        });
        let token_clients = Arc::new(TokenClients {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&sessions),
        });
        let overview = Arc::new(Overview {
            redis: parts.redis.clone(),
            account_cache: Arc::clone(&account_cache),
            postgres: parts.postgres.clone(),
        });
        Self {
            settings: Arc::clone(&parts.settings),
            keys: Arc::clone(&parts.keys),
            access_tokens,
            mail,
            sessions,
            devices,
            refresher,
            directory,
            factors,
            login,
            authenticators,
            email_factor,
            second_step,
            step_up,
            factor_reset,
            password_change,
            password_reset,
            email_verification,
            email_change,
            invitations,
            registrations,
            imports,
            admin,
            rights,
            edits,
            account_sessions,
            standing,
            profiles,
            account_cache,
            token_clients,
            overview,
        }
    }
}

/// Seconds for `Retry-After`: rounded up, at least one, since zero asks for a stampede.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0 || duration.is_zero())
}
