//! `policies:`

mod condition;
pub(in super::super) mod settle;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::text::address::Network;
use super::super::text::duration::Duration;
use super::super::text::one_or_many::OneOrMany;

/// One rule of a policy: who is let in, or who is kept out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Whom it lets in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Condition>,
    /// Whom it keeps out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Condition>,
}

/// What must be true of a request. Exactly one kind of condition; combine with `all`, `any`, `not`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Condition {
    /// Every one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// At least one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// The opposite of this.
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
    /// A claim of the token, or a dotted path into one, which must pass the test beside it: `equals`, `one_of`, `contains` or `exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// With `claim`: its value is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// With `claim`: its value is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Scalar>>,
    /// With `claim`: it is a list that holds this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Scalar>,
    /// With `claim`: it is there and not null. Only `true`; say `not: { claim: …, exists: true }` for the opposite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The request has one of these methods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<OneOrMany<String>>,
    /// The client's address lies in one of these networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<OneOrMany<Network>>,
    /// The caller used a second factor. Only `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// With `mfa`: not longer ago than this.
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
                    .map_err(|_| E::custom("is too large a number"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
