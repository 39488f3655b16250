//! Credential stuffing: lists of names and passwords from elsewhere, tried one after the other. No account sees more than a
//! failure or two, so that no limit and no lock per account notices; what gives it away is one address that fails for many
//! accounts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::login::limits::address_key;
use crate::metrics::Metrics;
use crate::store::distinct;
use crate::store::redis::Redis;

/// How long failures of an address count together, from the first on.
const WINDOW: Duration = Duration::from_secs(600);

/// Different accounts at which an address is counted, and the label. An office behind one address rarely has ten people
/// who mistype their password within ten minutes; nobody's has a hundred.
const STEPS: [(u64, &str); 3] = [(10, "10"), (100, "100"), (1000, "1000")];

/// Notices credential stuffing.
pub struct Stuffing {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) redis: Redis,
}

impl Stuffing {
    /// Notes a failed login: why, and whether its address has now failed for many different accounts. `account` is the
    /// canonical name, whether there is such an account or not. Redis counts, for all instances together and each address
    /// once per step and window; without it nothing is counted, and no login waits for that longer than for any call.
    pub(crate) async fn note_failure(&self, address: Option<IpAddr>, account: &str, reason: &'static str) {
        self.metrics.login_failures.with_label_values(&[reason]).inc();
        let Some(address) = address else { return };
        let failed = match distinct::failed_accounts(&self.redis, &address_key(address), account, WINDOW).await {
            Ok(failed) => failed,
            Err(error) => {
                tracing::debug!(%error, "a failed login is not counted by address");
                return;
            }
        };
        for (accounts, label) in STEPS {
            if failed.before < accounts && accounts <= failed.now {
                self.metrics.login_stuffing_addresses.with_label_values(&[label]).inc();
                // Which address it is stands in the audit log, beside each failure.
                tracing::warn!(accounts, "one address fails to sign in to many accounts");
            }
        }
    }
}
