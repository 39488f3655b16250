//! Values with a syntax of their own: `10s`, `16KiB`, `10/1m`, `10.0.0.0/8`.
//!
//! Each is parsed once, with a message that says what is expected, prints as it was written, and has a JSON Schema.

pub mod address;
pub mod duration;
pub mod name;
pub mod one_or_many;
pub mod percentage;
pub mod rate;
pub mod secret;
pub mod size;

/// Implements `Deserialize`, `Serialize` and `JsonSchema` for a type with `FromStr<Err = String>` and `Display`.
///
/// `$expected` completes the sentence "expected …"; `$pattern` is the syntax as a regular expression without anchors.
macro_rules! written_as_text {
    ($type:ty, $name:literal, $expected:expr, $pattern:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_any(Visitor)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $expected,
                    "pattern": format!("^(?:{})$", $pattern),
                })
            }
        }
    };
}

pub(super) use written_as_text;

/// `expected …, got "…"`, the form of all messages; a long value is cut off.
pub(super) fn unexpected(expected: &str, got: &str) -> String {
    let mut shown: String = got.chars().take(60).collect();
    if shown.len() < got.len() {
        shown.push('…');
    }
    format!("expected {expected}, got {shown:?}")
}
