//! Detects credential stuffing: stolen names and passwords of other sites are tried one after the other. Each account
//! sees only one or two failures, so that no limit per account notices; but one client IP fails for many accounts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::login::limits::address_key;
use crate::metrics::Metrics;
use crate::store::distinct;
use crate::store::redis::Redis;

/// The window in which failures of a client IP are counted, from the first one on.
const WINDOW: Duration = Duration::from_secs(600);

/// The numbers of accounts from which a client IP is counted, with their labels. In an office behind one IP, ten people
/// rarely mistype their password within ten minutes, and never a hundred.
const STEPS: [(u64, &str); 3] = [(10, "10"), (100, "100"), (1000, "1000")];

/// Detects credential stuffing.
pub struct Stuffing {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) redis: Redis,
}

impl Stuffing {
    /// Counts a failed sign-in by reason, and detects whether its client IP has failed for many different accounts.
    /// `account` is the canonical name, whether or not there is such an account. Redis counts for all instances
    /// together, and reports each client IP once per step and window; without Redis nothing is counted.
    pub(crate) async fn note_failure(&self, address: Option<IpAddr>, account: &str, reason: &'static str) {
        self.metrics.login_failures.with_label_values(&[reason]).inc();
        let Some(address) = address else { return };
        let failed = match distinct::failed_accounts(&self.redis, &address_key(address), account, WINDOW).await {
            Ok(failed) => failed,
            Err(error) => {
                tracing::debug!(%error, "a failed sign-in was not counted by client IP");
                return;
            }
        };
        for (accounts, label) in STEPS {
            if failed.before < accounts && accounts <= failed.now {
                self.metrics.login_stuffing_addresses.with_label_values(&[label]).inc();
                // The client IP is in the audit log, with each failure.
                tracing::warn!(
                    accounts,
                    "a client IP fails to sign in to many accounts: possible credential stuffing"
                );
            }
        }
    }
}
