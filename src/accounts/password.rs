//! Passwords: rules, hashing, change and reset.

mod argon2;
mod bcrypt;
pub mod change;
pub mod hasher;
pub mod reset;
pub mod retry;
pub mod rules;
mod scheme;

pub use argon2::Cost;
pub use hasher::{HashError, Hasher};
pub use rules::Weakness;
pub use scheme::Verified;
pub(crate) use scheme::is_known;

use std::sync::Arc;

use self::change::PasswordChange;
use self::reset::PasswordReset;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this room.
pub struct Services {
    /// Replaces the password of somebody who knows the current one.
    pub change: Arc<PasswordChange>,
    /// Replaces a forgotten password by an emailed link.
    pub reset: Arc<PasswordReset>,
}

impl Services {
    /// Joins them.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let change = Arc::new(PasswordChange {
            settings: Arc::clone(&parts.settings),
            directory: Arc::clone(&common.directory),
            reauthentication: Arc::clone(&common.reauthentication),
            hasher: Arc::clone(&parts.hasher),
            postgres: parts.postgres.clone(),
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
