//! The operations of operators on accounts, for the admin API and the command line.

pub mod accounts;
pub mod actor;
pub mod edit;
pub mod error;
pub mod everyone;
pub mod held;
pub mod permissions;
pub(crate) mod right;
pub mod rights;
pub mod sessions;
pub mod standing;

use std::sync::Arc;

use self::accounts::AccountAdmin;
use self::edit::AccountEdits;
use self::everyone::EveryonesSessions;
use self::rights::AccountRights;
use self::sessions::AccountSessions;
use self::standing::AccountStanding;
use crate::accounts::common::Common;
use crate::accounts::parts::Parts;

/// The services of this module.
pub struct Services {
    /// Creates accounts and sets passwords for an operator.
    pub accounts: Arc<AccountAdmin>,
    /// Adds and removes roles and permissions.
    pub rights: Arc<AccountRights>,
    /// Changes accounts for an operator.
    pub edits: Arc<AccountEdits>,
    /// Ends the sessions of an account for an operator.
    pub sessions: Arc<AccountSessions>,
    /// Ends the sessions of all accounts.
    pub everyone: Arc<EveryonesSessions>,
    /// Locks, unlocks, deletes and restores accounts.
    pub standing: Arc<AccountStanding>,
}

impl Services {
    /// Builds them from the shared parts.
    pub fn new(parts: &Parts, common: &Common) -> Self {
        let accounts = Arc::new(AccountAdmin {
            hasher: Arc::clone(&parts.hasher),
            postgres: parts.postgres.clone(),
            metrics: Arc::clone(&parts.metrics),
            directory: Arc::clone(&common.directory),
            sessions: Arc::clone(&common.sessions),
            access_tokens: Arc::clone(&common.access_tokens),
            settings: Arc::clone(&parts.settings),
        });
        let rights = Arc::new(AccountRights {
            postgres: parts.postgres.clone(),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let edits = Arc::new(AccountEdits {
            postgres: parts.postgres.clone(),
            rights: Arc::clone(&rights),
            revoker: Arc::clone(&parts.revoker),
            sessions: Arc::clone(&common.sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let sessions = Arc::new(AccountSessions {
            postgres: parts.postgres.clone(),
            sessions: Arc::clone(&common.sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let everyone = Arc::new(EveryonesSessions {
            postgres: parts.postgres.clone(),
            sessions: Arc::clone(&common.sessions),
            metrics: Arc::clone(&parts.metrics),
        });
        let standing = Arc::new(AccountStanding {
            postgres: parts.postgres.clone(),
            sessions: Arc::clone(&common.sessions),
            metrics: Arc::clone(&parts.metrics),
            mail: Arc::clone(&common.mail),
            settings: Arc::clone(&parts.settings),
        });
        Self {
            accounts,
            rights,
            edits,
            sessions,
            everyone,
            standing,
        }
    }
}
