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
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy of `access: authenticated`: any valid token.
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

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The effect if the condition is true.
    pub effect: Effect,
    /// The condition.
    pub condition: Condition,
}

/// The effect of a matching rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The request is allowed.
    Allow,
    /// The request is denied.
    Deny,
}

/// A condition on the caller and the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any caller with a valid token.
    Authenticated,
    /// All of these are true.
    All(Vec<Condition>),
    /// At least one of these is true.
    Any(Vec<Condition>),
    /// This is false.
    Not(Box<Condition>),
    /// The caller has this role.
    Role(Box<str>),
    /// The token has this scope.
    Scope(Box<str>),
    /// The caller has this permission.
    Permission(Box<str>),
    /// A claim of the token passes a test; `name` can be a dotted path into objects.
    Claim {
        /// The claim.
        name: Box<str>,
        /// The test.
        test: ClaimTest,
    },
    /// The request's method is one of these.
    Method(Vec<Method>),
    /// The client IP is in one of these networks.
    Ip(Vec<IpNet>),
    /// The caller used a second factor.
    Mfa {
        /// The maximum age of the sign-in.
        max_age: Option<Duration>,
    },
}

/// A test of a claim's value.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimTest {
    /// Equal to this, type included.
    Equals(Value),
    /// Equal to one of these.
    OneOf(Vec<Value>),
    /// A list that contains this.
    Contains(Value),
    /// Present and not null.
    Exists,
}
