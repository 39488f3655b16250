//! Parses YAML to a tree. Refuses what YAML allows and an operator hardly intends: repeated keys, keys without a value,
//! keys that are not strings.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Value};

use super::errors::{Errors, Problem};
use super::findings::Findings;
use super::locate;
use super::path::KeyPath;

/// Parses `text`. A syntax error ends it, because nothing after it can be trusted; other problems go to `findings`.
pub(super) fn read(file: &str, text: &str, findings: &mut Findings) -> Result<Value, Errors> {
    read_with(Empty::Refused, file, text, findings)
}

/// Like [`read`], for a file that is laid over another: there a key without a value removes the one below.
pub(super) fn read_overlay(file: &str, text: &str, findings: &mut Findings) -> Result<Value, Errors> {
    read_with(Empty::Kept, file, text, findings)
}

/// What happens to a key without a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Refused,
    Kept,
}

fn read_with(empty: Empty, file: &str, text: &str, findings: &mut Findings) -> Result<Value, Errors> {
    let reader = Reader {
        path: KeyPath::root(),
        empty,
        findings,
    };
    let root = reader
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| syntax(file, &error))?;
    if !root.is_mapping() {
        let position = locate::position(text, &KeyPath::root()).unwrap_or((1, 1));
        let message = "expected a map of sections (`server:`, `routes:`, …)";
        return Err(Errors::at(file, position, message));
    }
    Ok(root)
}

fn syntax(file: &str, error: &serde_yaml::Error) -> Errors {
    let position = error.location().map(|location| (location.line(), location.column()));
    let text = error.to_string();
    // The position is printed before the message, so it is cut off here.
    let message = text.split(" at line ").next().unwrap_or(&text);
    Errors::new(
        file,
        vec![Problem {
            path: KeyPath::root(),
            position,
            message: format!("not valid YAML: {message}"),
        }],
    )
}

struct Reader<'a> {
    path: KeyPath,
    empty: Empty,
    findings: &'a mut Findings,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("a tag (`!name`) has no meaning here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = self.path.index(list.len());
            let Some(value) = elements.next_element_seed(Reader {
                path,
                empty: self.empty,
                findings: &mut *self.findings,
            })?
            else {
                return Ok(Value::Sequence(list));
            };
            if value.is_null() {
                self.findings.add(&self.path.index(list.len()), "has no value");
            }
            list.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Mapping::new();
        while let Some(key) = entries.next_key::<Value>()? {
            let Some(key) = key.as_str().map(str::to_owned) else {
                return Err(A::Error::custom("expected a string as key; put quotes around a number"));
            };
            let path = self.path.key(&key);
            let value = entries.next_value_seed(Reader {
                path: path.clone(),
                empty: self.empty,
                findings: &mut *self.findings,
            })?;
            if value.is_null() && self.empty == Empty::Refused {
                // `auth:` with everything under it commented out would silently turn an issuer into a verifier.
                self.findings
                    .add(&path, "has no value: leave the key out to get its default");
                continue;
            }
            if map.contains_key(&key) {
                self.findings.add(&path, "is a repeated key");
                continue;
            }
            map.insert(Value::String(key), value);
        }
        Ok(Value::Mapping(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        match read("f", text, &mut findings) {
            Ok(_) => findings
                .problems
                .iter()
                .map(|(path, message)| format!("{path}: {message}"))
                .collect(),
            Err(errors) => vec![errors.to_string()],
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused_and_the_reading_goes_on() {
        assert_eq!(
            problems("a: { b: 1, b: 2 }\nc: 1\nc: 2"),
            ["a.b: is a repeated key", "c: is a repeated key"]
        );
    }

    #[test]
    fn a_key_without_a_value_is_refused() {
        assert_eq!(
            problems("auth:\n"),
            ["auth: has no value: leave the key out to get its default"]
        );
    }

    #[test]
    fn a_syntax_error_names_line_and_column() {
        assert_eq!(
            problems("a: 1\nb: [1, 2\nc: 3\n"),
            ["f:3:2: not valid YAML: did not find expected ',' or ']'"]
        );
    }

    #[test]
    fn what_is_no_map_of_sections_is_refused() {
        assert!(
            problems("# a\n\n- a\n")
                .concat()
                .starts_with("f:3:1: expected a map of sections")
        );
        assert!(problems("a").concat().starts_with("f:1:1: expected a map of sections"));
        assert!(problems("1: a\n").concat().contains("expected a string as key"));
        assert!(problems("a: !env X\n").concat().contains("a tag"));
        assert!(
            problems("a: 1\n---\nb: 2\n")
                .concat()
                .contains("more than one document")
        );
    }
}
