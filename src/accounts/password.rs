//! Passwords: rules, hashing, change and reset.

mod argon2;
mod bcrypt;
pub mod breached;
pub mod change;
pub mod hasher;
pub(crate) mod new_password;
mod prepare;
pub mod reset;
pub mod retry;
pub mod rules;
mod scheme;

pub use argon2::Cost;
pub use breached::Breached;
pub use hasher::{HashError, Hasher};
pub use rules::Weakness;
pub use scheme::Verified;
pub(crate) use scheme::imported;

use std::sync::Arc;

use self::change::PasswordChange;
use self::reset::PasswordReset;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this module.
pub struct Services {
    /// Changes a password, after a re-authentication.
    pub change: Arc<PasswordChange>,
    /// Resets a forgotten password with an emailed link.
    pub reset: Arc<PasswordReset>,
}

impl Services {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let change = Arc::new(PasswordChange {
            settings: Arc::clone(&parts.settings),
            reauthentication: Arc::clone(&common.reauthentication),
            hasher: Arc::clone(&parts.hasher),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
            sessions: Arc::clone(&common.sessions),
        });
        let reset = Arc::new(PasswordReset {
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
            limits: Arc::clone(&common.limits),
            postgres: parts.postgres.clone(),
            settings: Arc::clone(&parts.settings),
            directory: Arc::clone(&common.directory),
            hasher: Arc::clone(&parts.hasher),
            sessions: Arc::clone(&common.sessions),
            repeated_requests: Arc::clone(&common.repeated_requests),
        });
        Self { change, reset }
    }
}
