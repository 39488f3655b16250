//! A secret: its value, `{ env: NAME }` or `{ file: PATH }`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::secret::Secret;

use super::super::findings::Findings;
use super::super::interpolate::Environment;
use super::super::path::KeyPath;

/// The source of a secret. Prints and serializes without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Written in the file, or inserted by `${VAR}`.
    Value(Secret),
    /// The name of an environment variable.
    Env(String),
    /// The path of a file that contains it; a trailing line break is not part of it.
    File(String),
}

const EXPECTED: &str = "a secret: its value, { env: NAME } or { file: PATH }";

impl SecretSource {
    /// Reads the secret. Messages name the variable or the file, never its content.
    pub(in super::super) fn fetch(
        &self,
        path: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<Secret> {
        let secret = match self {
            Self::Value(secret) => secret.clone(),
            Self::Env(name) => {
                let Some(value) = environment(name) else {
                    findings.add(path, format!("the environment variable {name} is not set"));
                    return None;
                };
                Secret::new(value)
            }
            Self::File(file) => match std::fs::read_to_string(file) {
                Ok(text) => Secret::new(
                    text.strip_suffix('\n')
                        .map_or(&*text, |text| text.trim_end_matches('\r')),
                ),
                Err(error) => {
                    // An `io::Error` contains the reason only, never the content.
                    findings.add(path, format!("cannot read the file {file}: {error}"));
                    return None;
                }
            },
        };
        if secret.expose().is_empty() {
            findings.add(path, "is empty");
            return None;
        }
        Some(secret)
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E>(self, text: &str) -> Result<SecretSource, E> {
        Ok(SecretSource::Value(Secret::new(text)))
    }

    // A secret of digits only is a number for YAML. `invalid_type` would put its value into the message.
    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<SecretSource, E> {
        Err(E::custom("is a number for YAML: put quotes around it"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretSource, E> {
        Err(E::custom("is a number for YAML: put quotes around it"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<SecretSource, E> {
        Err(E::custom("is a number for YAML: put quotes around it"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SecretSource, A::Error> {
        let wrong = || A::Error::custom(format!("expected {EXPECTED}, got another map"));
        let mut only = None;
        while let Some((key, value)) = entries.next_entry::<String, serde_yaml::Value>()? {
            let value = value.as_str().ok_or_else(wrong)?.to_owned();
            let source = match key.as_str() {
                "env" => SecretSource::Env(value),
                "file" => SecretSource::File(value),
                _ => return Err(wrong()),
            };
            if only.replace(source).is_some() {
                return Err(wrong());
            }
        }
        only.ok_or_else(wrong)
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self {
            Self::Value(_) => return serializer.serialize_str("[redacted]"),
            Self::Env(name) => ("env", name),
            Self::File(path) => ("file", path),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, value)?;
        map.end()
    }
}

impl schemars::JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let only = |key: &str| {
            schemars::json_schema!({
                "type": "object",
                "properties": { (key): { "type": "string" } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        schemars::json_schema!({
            "description": EXPECTED,
            "anyOf": [{ "type": "string" }, only("env"), only("file")],
        })
    }
}
