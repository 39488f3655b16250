//! `auth.limits:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::super::text::duration::Duration;
use super::super::super::text::rate::Rate;
use crate::accounts::settings;

/// How often what is not a login may be tried, right or wrong, in sliding windows.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Accounts that are made; `per_account` counts by the mail address.
    pub registration: RegistrationRates,
    /// Password resets asked for and tried.
    pub password_reset: PasswordResetRates,
    /// Codes that confirm a mail address, asked for and tried.
    pub verification: VerificationRates,
    /// Second factors tried, and codes asked for.
    pub mfa: MfaRates,
}

/// A struct for each, since each has defaults of its own, and a window of which one half is written keeps the other.
macro_rules! rates {
    ($($(#[$doc:meta])* $name:ident: $addresses:literal in $address_window:expr, $accounts:literal in $account_window:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
            #[serde(default, deny_unknown_fields)]
            pub struct $name {
                /// From one client address (IPv6: from one /64).
                pub per_address: Rate,
                /// For one account, whoever asks.
                pub per_account: Rate,
            }

            impl Default for $name {
                fn default() -> Self {
                    Self {
                        per_address: Rate { limit: $addresses, window: $address_window },
                        per_account: Rate { limit: $accounts, window: $account_window },
                    }
                }
            }

            impl $name {
                fn settings(&self) -> settings::Limit {
                    settings::Limit { per_address: rate(self.per_address), per_account: rate(self.per_account) }
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
    /// A rate that was read is a rate that works: nothing is left to check.
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
