//! Services that more than one module of the accounts uses.

use std::sync::Arc;

use crate::accounts::directory::Directory;
use crate::accounts::email::codes::Codes;
use crate::accounts::login::devices::Devices;
use crate::accounts::login::failures::Failures;
use crate::accounts::login::limits::windows::Limits;
use crate::accounts::mfa::factors::Factors;
use crate::accounts::parts::Parts;
use crate::accounts::password::retry::RepeatedRequests;
use crate::accounts::reauthentication::Reauthentication;
use crate::accounts::sessions::access::AccessTokens;
use crate::accounts::sessions::end::Sessions;
use crate::accounts::sessions::open::SessionOpener;
use crate::mail::Queue;

/// The shared services.
pub struct Common {
    /// Queues messages.
    pub mail: Arc<Queue>,
    /// Finds accounts.
    pub directory: Arc<Directory>,
    /// The limits of `auth.limits`, by client IP and by account.
    pub limits: Arc<Limits>,
    /// Creates and verifies emailed codes.
    pub codes: Arc<Codes>,
    /// Recognizes retries of a client whose response was lost.
    pub repeated_requests: Arc<RepeatedRequests>,
    /// Requires the current password and the strongest second factor for changes of credentials.
    pub reauthentication: Arc<Reauthentication>,
    /// Issues access tokens.
    pub access_tokens: Arc<AccessTokens>,
    /// Lists and ends sessions.
    pub sessions: Arc<Sessions>,
    /// Recognizes devices that were used to sign in before.
    pub devices: Arc<Devices>,
    /// Opens sessions.
    pub opener: Arc<SessionOpener>,
    /// Records failed sign-ins and locks accounts.
    pub failures: Arc<Failures>,
    /// Verifies second factors and uses them up.
    pub factors: Arc<Factors>,
}

impl Common {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts) -> Self {
        let mail = Arc::new(Queue::new(
            parts.settings.mail.clone().map(Arc::new),
            parts.settings.secrets.clone(),
        ));
        let directory = Arc::new(Directory {
            postgres: parts.postgres.clone(),
        });
        let limits = Arc::new(Limits {
            settings: Arc::clone(&parts.settings),
            limiter: Arc::clone(&parts.limiter),
            metrics: Arc::clone(&parts.metrics),
        });
        let codes = Arc::new(Codes {
            redis: parts.redis.clone(),
            settings: Arc::clone(&parts.settings),
        });
        let repeated_requests = Arc::new(RepeatedRequests {
            limiter: Arc::clone(&parts.limiter),
            hasher: Arc::clone(&parts.hasher),
        });
        let access_tokens = Arc::new(AccessTokens {
            keys: Arc::clone(&parts.keys),
            settings: Arc::clone(&parts.settings),
            metrics: Arc::clone(&parts.metrics),
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
            sessions: Arc::clone(&sessions),
        });
        let failures = Arc::new(Failures {
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
        });
        let factors = Arc::new(Factors {
            directory: Arc::clone(&directory),
            postgres: parts.postgres.clone(),
            mail: Arc::clone(&mail),
            codes: Arc::clone(&codes),
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
            limits: Arc::clone(&limits),
        });
        let reauthentication = Arc::new(Reauthentication {
            directory: Arc::clone(&directory),
            factors: Arc::clone(&factors),
            hasher: Arc::clone(&parts.hasher),
            limiter: Arc::clone(&parts.limiter),
            postgres: parts.postgres.clone(),
            settings: Arc::clone(&parts.settings),
        });
        Self {
            mail,
            directory,
            limits,
            codes,
            repeated_requests,
            reauthentication,
            access_tokens,
            sessions,
            devices,
            opener,
            failures,
            factors,
        }
    }
}
