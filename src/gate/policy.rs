//! Whether this caller may do this: the last step, and the only one that makes a [`Permit`].
//!
//! A policy is a list of rules; the first that matches decides, and no match denies.

mod evaluate;

use std::{sync::Arc, time::Duration};

use http::Method;
use ipnet::IpNet;
use serde_json::Value;
use time::OffsetDateTime;

pub use self::evaluate::{Facts, Outcome};
use super::{
    Permit, Request,
    denial::Denial,
    rate_limit::Metered,
    route::{Access, Route},
    verify::Identity,
};

/// A named list of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    /// Tried in order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What happens when the condition holds.
    pub effect: Effect,
    /// When it applies.
    pub condition: Condition,
}

/// What a matching rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The request passes.
    Allow,
    /// The request is refused.
    Deny,
}

/// A statement about the caller and the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any caller with a valid token.
    Authenticated,
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// The caller has this role.
    Role(Box<str>),
    /// The token has this scope.
    Scope(Box<str>),
    /// The caller has this permission.
    Permission(Box<str>),
    /// A claim of the token has a certain value; `name` may be a dotted path into objects.
    Claim {
        /// The claim.
        name: Box<str>,
        /// What its value must be.
        test: ClaimTest,
    },
    /// The request's method is one of these.
    Method(Vec<Method>),
    /// The caller's address lies in one of these networks.
    Ip(Vec<IpNet>),
    /// The caller signed in with a second factor.
    Mfa {
        /// …not longer ago than this.
        max_age: Option<Duration>,
    },
}

/// What the value of a claim must be.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimTest {
    /// Equal to this, type included.
    Equals(Value),
    /// Equal to one of these.
    OneOf(Vec<Value>),
    /// A list that holds this.
    Contains(Value),
    /// Present and not null.
    Exists,
}

/// Lets the caller pass, or not.
///
/// # Errors
/// `PolicyDenied`, or `StepUpRequired` when a second factor would help.
pub(super) fn authorize(metered: Metered, request: &Request<'_>, now: OffsetDateTime) -> Result<Permit, Denial> {
    let Metered { route, caller, limits } = metered;
    match judge(&route, caller.as_deref(), request, now).and_then(Outcome::denial) {
        Some(denial) => Err(denial),
        None => Ok(Permit { route, caller, limits }),
    }
}

/// What the policy of the route says; `None`: it has none, and anybody may pass.
pub(super) fn judge(
    route: &Route,
    caller: Option<&Identity>,
    request: &Request<'_>,
    now: OffsetDateTime,
) -> Option<Outcome> {
    let Access::Policy(policy) = &route.access else {
        return None;
    };
    Some(policy.evaluate(&Facts {
        caller,
        method: request.method,
        address: request.address,
        now,
    }))
}

impl Policy {
    /// The policy that a route names with `access: authenticated`: any valid token.
    pub fn authenticated() -> Self {
        let rule = Rule {
            effect: Effect::Allow,
            condition: Condition::Authenticated,
        };
        Self {
            name: "authenticated".into(),
            rules: vec![rule],
        }
    }
}

/// The claims that the policies and headers of `routes` look at. Only these are kept with a verified token: a million of
/// whole payloads would not fit.
pub fn wanted_claims<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Box<[Box<str>]> {
    fn visit(condition: &Condition, wanted: &mut std::collections::BTreeSet<Box<str>>) {
        match condition {
            Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|one| visit(one, wanted)),
            Condition::Not(inner) => visit(inner, wanted),
            Condition::Claim { name, .. } => want(name, wanted),
            _ => {}
        }
    }
    fn want(path: &str, wanted: &mut std::collections::BTreeSet<Box<str>>) {
        // A dot may be part of a name or lead into an object; keep both readings.
        wanted.insert(path.into());
        wanted.extend(path.split_once('.').map(|(name, _)| Box::from(name)));
    }
    let mut wanted = std::collections::BTreeSet::new();
    for route in routes {
        if let Access::Policy(policy) = &route.access {
            policy.rules.iter().for_each(|rule| visit(&rule.condition, &mut wanted));
        }
        for planned in &route.identity.headers {
            if let super::identity::Source::Claim { name, .. } = &planned.source {
                want(name, &mut wanted);
            }
        }
    }
    wanted.into_iter().collect()
}
