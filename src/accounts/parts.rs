//! The parts that the services of the accounts are built from.

use std::sync::Arc;

use crate::accounts::login::limits::Limiter;
use crate::accounts::password::hasher::Hasher;
use crate::accounts::sessions::revoker::Revoker;
use crate::accounts::settings::Settings;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::store::postgres::Postgres;
use crate::store::redis::Redis;

/// The stores, keys and helpers that the services share.
pub struct Parts {
    /// The `auth` section of the configuration.
    pub settings: Arc<Settings>,
    /// The source of truth.
    pub postgres: Postgres,
    /// Codes, rate limits and presence, which may be lost.
    pub redis: Redis,
    /// The signing and verification keys.
    pub keys: Arc<Keys>,
    /// Hashes passwords, on threads of its own.
    pub hasher: Arc<Hasher>,
    /// Publishes revocations.
    pub revoker: Arc<Revoker>,
    /// Counts attempts, for the limits.
    pub limiter: Arc<Limiter>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}
