//! The parts that a command needs to work on an issuer's data, without serving.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{AppError, Shared, accounts};
use crate::{
    accounts::{Accounts, Revoker},
    config::{Boot, Loaded},
    keys::issuer::Issuer,
    log::Log,
    store::postgres::Postgres,
};

/// The parts for `sidegate user`, `keys`, `migrate` and other commands.
pub struct Tools {
    /// The configuration.
    pub boot: Boot,
    /// The database.
    pub postgres: Postgres,
    /// The accounts services.
    pub accounts: Arc<Accounts>,
    /// Publishes revocations.
    pub revoker: Arc<Revoker>,
    /// The signing keys.
    pub issuer: Issuer,
}

impl Tools {
    /// Builds them on `runtime`. Connections are opened on first use.
    ///
    /// # Errors
    /// `NotAnIssuer` without the `auth` section, and the other errors of a start.
    pub fn open(loaded: Loaded, runtime: &Handle) -> Result<Self, AppError> {
        super::install_crypto();
        let _inside = runtime.enter();
        let shared = Shared::new(loaded.boot, loaded.snapshot, Arc::default(), Log::default())?;
        let (Some(settings), Some(database)) = (&shared.boot.auth, &shared.boot.postgres) else {
            return Err(AppError::NotAnIssuer);
        };
        let postgres = Postgres::connect(database, &shared.metrics)?;
        let services = accounts::services(&shared, settings, &postgres)?;
        Ok(Self {
            accounts: Arc::clone(&services.accounts),
            revoker: Arc::clone(&services.revoker),
            issuer: accounts::issuer(&shared, settings, &postgres),
            postgres,
            boot: shared.boot.clone(),
        })
    }
}
