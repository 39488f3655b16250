//! Evaluates conditions: a pure function of caller, request and time.

use std::{net::IpAddr, time::Duration};

use http::Method;
use serde_json::Value;
use time::OffsetDateTime;

use crate::gate::{
    denial::Denial,
    identity::Identity,
    rules::policy::{ClaimTest, Condition, Effect, Policy},
};

/// What conditions can use.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The caller; `None` if anonymous.
    pub caller: Option<&'a Identity>,
    /// The request's HTTP method.
    pub method: &'a Method,
    /// The client IP.
    pub address: IpAddr,
    /// The time of the request.
    pub now: OffsetDateTime,
}

/// The outcome of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed, by the rule with this index.
    Allowed(usize),
    /// Denied, by the rule with this index or because none matched.
    Denied(Option<usize>),
    /// Would be allowed with a (recent) second factor.
    StepUp {
        /// The maximum age of the sign-in.
        max_age: Option<Duration>,
    },
}

impl Outcome {
    /// The reason to refuse the request, if it is not allowed.
    pub(in crate::gate) const fn denial(self) -> Option<Denial> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied(_) => Some(Denial::PolicyDenied),
            Self::StepUp { max_age } => Some(Denial::StepUpRequired { max_age }),
        }
    }
}

/// Evaluates the rules in order; the first that matches decides.
pub fn evaluate(policy: &Policy, facts: &Facts<'_>) -> Outcome {
    let outcome = first(policy, facts, &mut |mfa| is_fresh(facts, mfa));
    if let Outcome::Denied(_) = outcome {
        // Denied: evaluate again as if there were a second factor, and ask the client for one only if that would be
        // allowed.
        let mut asked = None;
        let with_factor = first(policy, facts, &mut |max_age| {
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

/// Whether the caller has a second factor of at most this age.
type Mfa<'a> = &'a mut dyn FnMut(Option<Duration>) -> bool;

fn first(policy: &Policy, facts: &Facts<'_>, mfa: Mfa<'_>) -> Outcome {
    for (index, rule) in policy.rules.iter().enumerate() {
        if holds(&rule.condition, facts, mfa) {
            return match rule.effect {
                Effect::Allow => Outcome::Allowed(index),
                Effect::Deny => Outcome::Denied(Some(index)),
            };
        }
    }
    Outcome::Denied(None)
}

fn holds(condition: &Condition, facts: &Facts<'_>, mfa: Mfa<'_>) -> bool {
    let has = |list: fn(&Identity) -> &[Box<str>], wanted: &str| {
        facts
            .caller
            .is_some_and(|caller| list(caller).iter().any(|item| **item == *wanted))
    };
    match condition {
        Condition::Authenticated => facts.caller.is_some(),
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, facts, mfa)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, facts, mfa)),
        Condition::Not(condition) => !holds(condition, facts, mfa),
        Condition::Role(role) => has(|caller| &caller.roles, role),
        Condition::Scope(scope) => has(|caller| &caller.scopes, scope),
        Condition::Permission(permission) => has(|caller| &caller.permissions, permission),
        Condition::Claim { name, test } => passes(test, facts.caller.and_then(|caller| caller.claim(name))),
        Condition::Method(methods) => methods.contains(facts.method),
        Condition::Ip(networks) => networks
            .iter()
            .any(|network| network.contains(&facts.address.to_canonical())),
        Condition::Mfa { max_age } => facts.caller.is_some() && mfa(*max_age),
    }
}

fn passes(test: &ClaimTest, value: Option<&Value>) -> bool {
    let Some(value) = value else { return false };
    match test {
        ClaimTest::Equals(wanted) => value == wanted,
        ClaimTest::OneOf(wanted) => wanted.contains(value),
        ClaimTest::Contains(wanted) => value.as_array().is_some_and(|items| items.contains(wanted)),
        ClaimTest::Exists => !value.is_null(),
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
