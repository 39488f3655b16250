//! Policies: lists of rules about the caller and the request. The first rule that matches decides, and no match denies.

use std::{sync::Arc, time::Duration};

use http::Method;
use ipnet::IpNet;
use serde_json::Value;

/// A named list of rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name in the configuration and in metrics.
    pub name: Arc<str>,
    /// Tried in order.
    pub rules: Vec<Rule>,
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
