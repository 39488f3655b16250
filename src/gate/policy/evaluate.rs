//! Conditions against a caller: pure, without an answer that depends on anything but its arguments.

use std::{net::IpAddr, time::Duration};

use http::Method;
use serde_json::Value;
use time::OffsetDateTime;

use super::{ClaimTest, Condition, Effect, Policy};
use crate::gate::{denial::Denial, verify::Identity};

/// What conditions may look at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The caller, if there is one.
    pub caller: Option<&'a Identity>,
    /// The request's method.
    pub method: &'a Method,
    /// The caller's address.
    pub address: IpAddr,
    /// The clock.
    pub now: OffsetDateTime,
}

/// The outcome of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Passes, by the rule with this index.
    Allowed(usize),
    /// Refused, by the rule with this index or because none matched.
    Denied(Option<usize>),
    /// Would pass after a (fresh) second factor.
    StepUp {
        /// How old the sign-in may be.
        max_age: Option<Duration>,
    },
}

impl Outcome {
    /// The refusal, if it is one.
    pub(in crate::gate) const fn denial(self) -> Option<Denial> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied(_) => Some(Denial::PolicyDenied),
            Self::StepUp { max_age } => Some(Denial::StepUpRequired { max_age }),
        }
    }
}

impl Policy {
    /// Tries the rules in order; the first that matches decides.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Outcome {
        let outcome = self.first(facts, &mut |mfa| is_fresh(facts, mfa));
        if let Outcome::Denied(_) = outcome {
            // Denied as things are: would a second factor have helped? Only then is the client told to get one.
            let mut asked = None;
            let with_factor = self.first(facts, &mut |max_age| {
                asked = Some(match (asked, max_age) {
                    (Some(Some(a)), Some(b)) => Some(std::cmp::min(a, b)),
                    (Some(known @ Some(_)), None) => known,
                    (_, max_age) => max_age,
                });
                true
            });
            if let (Outcome::Allowed(_), Some(max_age)) = (with_factor, asked) {
                return Outcome::StepUp { max_age };
            }
        }
        outcome
    }

    fn first(&self, facts: &Facts<'_>, mfa: &mut dyn FnMut(Option<Duration>) -> bool) -> Outcome {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.condition.holds(facts, mfa) {
                return match rule.effect {
                    Effect::Allow => Outcome::Allowed(index),
                    Effect::Deny => Outcome::Denied(Some(index)),
                };
            }
        }
        Outcome::Denied(None)
    }
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>, mfa: &mut dyn FnMut(Option<Duration>) -> bool) -> bool {
        let has = |list: fn(&Identity) -> &[Box<str>], wanted: &str| {
            facts
                .caller
                .is_some_and(|caller| list(caller).iter().any(|item| **item == *wanted))
        };
        match self {
            Self::Authenticated => facts.caller.is_some(),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(facts, mfa)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(facts, mfa)),
            Self::Not(condition) => !condition.holds(facts, mfa),
            Self::Role(role) => has(|caller| &caller.roles, role),
            Self::Scope(scope) => has(|caller| &caller.scopes, scope),
            Self::Permission(permission) => has(|caller| &caller.permissions, permission),
            Self::Claim { name, test } => test.holds(facts.caller.and_then(|caller| caller.claim(name))),
            Self::Method(methods) => methods.contains(facts.method),
            Self::Ip(networks) => networks
                .iter()
                .any(|network| network.contains(&facts.address.to_canonical())),
            Self::Mfa { max_age } => facts.caller.is_some() && mfa(*max_age),
        }
    }
}

impl ClaimTest {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::Equals(wanted) => value == wanted,
            Self::OneOf(wanted) => wanted.contains(value),
            Self::Contains(wanted) => value.as_array().is_some_and(|items| items.contains(wanted)),
            Self::Exists => !value.is_null(),
        }
    }
}

fn is_fresh(facts: &Facts<'_>, max_age: Option<Duration>) -> bool {
    let Some(caller) = facts.caller.filter(|caller| caller.mfa) else {
        return false;
    };
    let Some(max_age) = max_age else { return true };
    caller.auth_time.is_some_and(|at| {
        let age = facts.now.unix_timestamp().saturating_sub(at.get());
        u64::try_from(age).is_ok_and(|age| age <= max_age.as_secs())
    })
}
