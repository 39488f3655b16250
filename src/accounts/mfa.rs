//! Second factors: authenticator apps (TOTP), recovery codes, emailed codes.

pub mod by_email;
pub mod enrolment;
pub mod error;
pub mod factors;
pub mod method;
pub mod operator;
pub mod recovery;
pub mod second_step;
pub mod status;
pub mod step_up;
pub mod token;
pub mod totp;
pub mod verdict;

use std::sync::Arc;

use self::by_email::EmailFactor;
use self::enrolment::Authenticators;
use self::operator::FactorReset;
use self::second_step::SecondStep;
use self::step_up::StepUp;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this module.
pub struct Services {
    /// Adds and removes authenticator apps, and creates recovery codes.
    pub authenticators: Arc<Authenticators>,
    /// Emailed codes as a second factor.
    pub email: Arc<EmailFactor>,
    /// Completes a sign-in with a second factor.
    pub second_step: Arc<SecondStep>,
    /// Adds a second factor to a session (step-up).
    pub step_up: Arc<StepUp>,
    /// Shows and removes the second factors of an account, for operators.
    pub reset: Arc<FactorReset>,
}

impl Services {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let authenticators = Arc::new(Authenticators {
            factors: Arc::clone(&common.factors),
            postgres: parts.postgres.clone(),
            settings: Arc::clone(&parts.settings),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
            reauthentication: Arc::clone(&common.reauthentication),
        });
        let email = Arc::new(EmailFactor {
            mail: Arc::clone(&common.mail),
            factors: Arc::clone(&common.factors),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&common.directory),
            reauthentication: Arc::clone(&common.reauthentication),
            limits: Arc::clone(&common.limits),
            codes: Arc::clone(&common.codes),
        });
        let second_step = Arc::new(SecondStep {
            metrics: Arc::clone(&parts.metrics),
            factors: Arc::clone(&common.factors),
            postgres: parts.postgres.clone(),
            failures: Arc::clone(&common.failures),
            opener: Arc::clone(&common.opener),
            settings: Arc::clone(&parts.settings),
            email_factor: Arc::clone(&email),
            limiter: Arc::clone(&parts.limiter),
            limits: Arc::clone(&common.limits),
        });
        let step_up = Arc::new(StepUp {
            factors: Arc::clone(&common.factors),
            postgres: parts.postgres.clone(),
            access_tokens: Arc::clone(&common.access_tokens),
            metrics: Arc::clone(&parts.metrics),
        });
        let reset = Arc::new(FactorReset {
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
            factors: Arc::clone(&common.factors),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
        });
        Self {
            authenticators,
            email,
            second_step,
            step_up,
            reset,
        }
    }
}
