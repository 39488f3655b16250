//! The limits of `auth.limits`, by name: services check them before they work for an unauthenticated client.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::accounts::login::limits::{Limiter, address_key};
use crate::accounts::settings::{self, Limit, Settings};
use crate::metrics::Metrics;

/// The operations that are counted together. Sign-ins have their own limit (`auth.login_limit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// Registration.
    Registration,
    /// Password resets, requested and attempted.
    PasswordReset,
    /// Email verification codes, requested and attempted.
    Verification,
    /// Second factors attempted, and codes requested.
    Mfa,
}

/// Too many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct RateLimited {
    /// The time until another attempt is allowed.
    pub retry_after: Duration,
}

impl Window {
    const fn of(self, limits: &settings::Limits) -> &Limit {
        match self {
            Self::Registration => &limits.registration,
            Self::PasswordReset => &limits.password_reset,
            Self::Verification => &limits.verification,
            Self::Mfa => &limits.mfa,
        }
    }

    /// The names of the counters: by client IP, by account.
    const fn policies(self) -> (&'static str, &'static str) {
        match self {
            Self::Registration => ("registration_address", "registration_account"),
            Self::PasswordReset => ("password_reset_address", "password_reset_account"),
            Self::Verification => ("verification_address", "verification_account"),
            Self::Mfa => ("mfa_address", "mfa_account"),
        }
    }
}

/// The limits of `auth.limits`, by client IP and by account.
pub struct Limits {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Limits {
    /// Counts an attempt, successful or not, for a client IP and an account. Call it before any work, with the
    /// canonical name, whether or not there is such an account: a limit that only existing accounts have would reveal
    /// them.
    ///
    /// An attempt that exceeds the limit of the client IP is not counted for the account: otherwise one client could
    /// use up the owner's attempts.
    ///
    /// # Errors
    /// When either limit is exceeded.
    pub(crate) async fn take(
        &self,
        window: Window,
        address: Option<IpAddr>,
        account: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), RateLimited> {
        let limit = window.of(&self.settings.limits);
        let (by_address, by_account) = window.policies();
        let address = address.map(|address| (by_address, address_key(address), limit.per_address));
        let account = account.map(|account| (by_account, account.to_owned(), limit.per_account));
        for (policy, key, rate) in address.into_iter().chain(account) {
            let taken = self.limiter.take(policy, &key, rate.limit, rate.window, now).await;
            let result = if taken.allowed { "allowed" } else { "limited" };
            self.metrics
                .ratelimit_decisions
                .with_label_values(&[policy, result])
                .inc();
            if !taken.allowed {
                return Err(RateLimited {
                    retry_after: taken.retry_after,
                });
            }
        }
        Ok(())
    }

    /// Whether another message can be sent to a mailbox. A refusal is not revealed: it would tell that somebody
    /// requested one before.
    pub(crate) async fn mailbox_has_room(&self, window: Window, email: &str, now: OffsetDateTime) -> bool {
        self.take(window, None, Some(email), now).await.is_ok()
    }
}
