//! `auth.limits:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::text::duration::Duration;
use super::super::super::text::rate::Rate;
use crate::accounts::settings;

/// Rate limits of account operations other than sign-in, successful or not, in sliding windows.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Registrations; `per_account` counts by email address.
    pub registration: RegistrationRates,
    /// Password resets, requested and attempted.
    pub password_reset: PasswordResetRates,
    /// Email verification codes, requested and attempted.
    pub verification: VerificationRates,
    /// Second factors attempted, and codes requested.
    pub mfa: MfaRates,
}

/// A struct for each, because each has its own defaults, and setting one of the two limits keeps the other's default.
macro_rules! rates {
    ($($(#[$doc:meta])* $name:ident: $addresses:literal in $address_window:expr, $accounts:literal in $account_window:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
            #[serde(default, deny_unknown_fields)]
            pub struct $name {
                /// Attempts from one client IP (IPv6: from one /64).
                pub per_ip: Rate,
                /// Attempts for one account, from any client.
                pub per_account: Rate,
            }

            impl Default for $name {
                fn default() -> Self {
                    Self {
                        per_ip: Rate { limit: $addresses, window: $address_window },
                        per_account: Rate { limit: $accounts, window: $account_window },
                    }
                }
            }

            impl $name {
                fn settings(&self) -> settings::Limit {
                    settings::Limit { per_address: rate(self.per_ip), per_account: rate(self.per_account) }
                }
            }
        )*
    };
}

rates! {
    /// `auth.limits.registration`
    RegistrationRates: 20 in Duration::minutes(60), 5 in Duration::minutes(60);
    /// `auth.limits.password_reset`
    PasswordResetRates: 30 in Duration::minutes(60), 5 in Duration::minutes(60);
    /// `auth.limits.verification`
    VerificationRates: 60 in Duration::minutes(60), 10 in Duration::minutes(60);
    /// `auth.limits.mfa`
    MfaRates: 20 in Duration::minutes(1), 10 in Duration::minutes(15);
}

impl Limits {
    /// Parsing has checked the rates already.
    pub(super) fn settings(&self) -> settings::Limits {
        settings::Limits {
            registration: self.registration.settings(),
            password_reset: self.password_reset.settings(),
            verification: self.verification.settings(),
            mfa: self.mfa.settings(),
        }
    }
}

const fn rate(rate: Rate) -> settings::Rate {
    settings::Rate {
        limit: rate.limit,
        window: rate.window.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_that_are_written_are_those_that_are_used() {
        let used = settings::Limits::default();
        let written = Limits::default().settings();
        for (written, used) in [
            (written.registration, used.registration),
            (written.password_reset, used.password_reset),
            (written.verification, used.verification),
            (written.mfa, used.mfa),
        ] {
            assert_eq!(written, used);
        }
    }

    #[test]
    fn half_a_window_keeps_the_other_half() {
        let limits: Limits = serde_yaml::from_str("mfa: { per_account: 3/1h }").unwrap();
        let mfa = limits.settings().mfa;
        assert_eq!((mfa.per_account.limit, mfa.per_address.limit), (3, 20));
    }
}
