//! Creates accounts: by registration, by invitation, by import.

pub mod domains;
pub mod import;
pub mod invitations;
pub mod register;

use std::sync::Arc;

use self::import::Imports;
use self::invitations::Invitations;
use self::register::Registrations;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this module.
pub struct Services {
    /// Invites people to register.
    pub invitations: Arc<Invitations>,
    /// Registers accounts.
    pub registrations: Arc<Registrations>,
    /// Imports accounts from another system.
    pub imports: Arc<Imports>,
}

impl Services {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let invitations = Arc::new(Invitations {
            settings: Arc::clone(&parts.settings),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
        });
        let registrations = Arc::new(Registrations {
            metrics: Arc::clone(&parts.metrics),
            settings: Arc::clone(&parts.settings),
            limits: Arc::clone(&common.limits),
            invitations: Arc::clone(&invitations),
            postgres: parts.postgres.clone(),
            hasher: Arc::clone(&parts.hasher),
            mail: Arc::clone(&common.mail),
            repeated_requests: Arc::clone(&common.repeated_requests),
            codes: Arc::clone(&common.codes),
        });
        let imports = Arc::new(Imports {
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
        });
        Self {
            invitations,
            registrations,
            imports,
        }
    }
}
