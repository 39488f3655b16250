//! `policies:`

mod condition;
pub(in super::super) mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::address::Network;
use super::super::text::duration::Duration;
use super::super::text::one_or_many::OneOrMany;

/// One rule of a policy.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Allow requests that meet this condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Condition>,
    /// Deny requests that meet this condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Condition>,
}

/// A condition on a request. It has exactly one kind; combine several with `all`, `any`, `not`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// All of these are true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// At least one of these is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// This is not true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
    /// The caller has one of these roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<OneOrMany<String>>,
    /// The token has one of these scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<OneOrMany<String>>,
    /// The caller has one of these permissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<OneOrMany<String>>,
    /// A claim of the token, or a dotted path into one, with one test: `equals`, `one_of`, `contains` or `exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// With `claim`: the value equals this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// With `claim`: the value is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Scalar>>,
    /// With `claim`: the value is a list that contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Scalar>,
    /// With `claim`: it is present and not null. Only `true`; write `not: { claim: …, exists: true }` for the opposite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The request has one of these methods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<OneOrMany<String>>,
    /// The client IP is in one of these networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<OneOrMany<Network>>,
    /// The caller used a second factor. Only `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// With `mfa`: the second factor was used within this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}

/// The value of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A string.
    Text(String),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string, a whole number, true or false")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Scalar, E> {
                Ok(Scalar::Bool(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Scalar, E> {
                i64::try_from(number)
                    .map(Scalar::Number)
                    .map_err(|_| E::custom("the number is too large"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
