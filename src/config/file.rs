//! The configuration file, section by section. Each section's file has its keys, their defaults, and their checks.

pub mod auth;
pub mod identity_headers;
pub mod issuers;
pub mod observability;
pub mod policies;
pub mod rate_limits;
pub mod revocation;
pub mod routes;
pub mod server;
pub mod store;
pub mod upstreams;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::name::Name;

/// The configuration of Sidegate.
///
/// No key is required by serde: a key without a default is an `Option`, so that a missing key is reported together with all other
/// mistakes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Sidegate")]
pub struct File {
    /// The version of this file format: 1.
    #[schemars(extend("x-required" = true))]
    pub version: Option<u32>,
    /// Listeners, request limits, timeouts for slow clients, shutdown.
    pub server: server::Server,
    /// Connections to PostgreSQL and Redis.
    pub store: store::Store,
    /// Accounts, sign-in and tokens. Makes this instance an issuer; without it, it is a verifier: no accounts, no signing keys, no
    /// PostgreSQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<auth::Auth>,
    /// Other issuers whose tokens are accepted.
    pub issuers: Vec<issuers::Issuer>,
    /// How old this instance's view of revocations may be.
    pub revocation: revocation::Revocation,
    /// The headers that tell the application who is calling.
    pub identity_headers: identity_headers::IdentityHeaders,
    /// The applications behind Sidegate, by name.
    pub upstreams: BTreeMap<Name, upstreams::Upstream>,
    /// Named lists of rules. The first rule that matches decides; no match denies.
    pub policies: BTreeMap<Name, Vec<policies::Rule>>,
    /// Rate limits, by the name that routes use.
    pub rate_limits: BTreeMap<Name, rate_limits::RateLimit>,
    /// Routes: which requests go to which upstream, and who may make them. The most specific match wins.
    pub routes: Vec<routes::Route>,
    /// Logging.
    pub observability: observability::Observability,
}

impl File {
    /// The file with its defaults filled in. Secrets print as `[redacted]`, or as the variable or file they come from.
    pub fn to_yaml(&self) -> String {
        serde_yaml::to_string(self).expect("these types hold nothing that YAML cannot write")
    }
}

/// One value or a list of them: `role: staff`, `role: [staff, admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(std::marker::PhantomData))
    }
}

struct OneOrManyVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut many = Vec::new();
        while let Some(element) = elements.next_element()? {
            many.push(element);
        }
        Ok(OneOrMany(many))
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}
