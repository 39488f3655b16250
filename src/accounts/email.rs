//! Email addresses: canonical form, verification, and change.

pub mod change;
pub mod codes;
pub mod link_token;
pub mod names;
pub mod request;
pub mod verification;

use std::sync::Arc;

use self::change::EmailChange;
use self::verification::EmailVerification;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this module.
pub struct Services {
    /// Verifies email addresses with a code.
    pub verification: Arc<EmailVerification>,
    /// Changes the email address of an account.
    pub change: Arc<EmailChange>,
}

impl Services {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let verification = Arc::new(EmailVerification {
            metrics: Arc::clone(&parts.metrics),
            limits: Arc::clone(&common.limits),
            postgres: parts.postgres.clone(),
            directory: Arc::clone(&common.directory),
            codes: Arc::clone(&common.codes),
            mail: Arc::clone(&common.mail),
        });
        let change = Arc::new(EmailChange {
            mail: Arc::clone(&common.mail),
            settings: Arc::clone(&parts.settings),
            reauthentication: Arc::clone(&common.reauthentication),
            limits: Arc::clone(&common.limits),
            postgres: parts.postgres.clone(),
            codes: Arc::clone(&common.codes),
            metrics: Arc::clone(&parts.metrics),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
        });
        Self { verification, change }
    }
}
