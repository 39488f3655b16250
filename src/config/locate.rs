//! Finds line and column of a key path.
//!
//! `serde_yaml` keeps no positions in its tree, but an error that is raised while a value is read has the position of
//! that value. So the text is read once more along the path, and an error is raised at its end. This costs a parse per
//! problem, and avoids a second YAML parser that could disagree with the first.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::path::{KeyPath, Segment};

/// Line and column, from 1, of the key or list element at the end of `path`; if it is absent, of the closest one around it.
pub(super) fn position(text: &str, path: &KeyPath) -> Option<(usize, usize)> {
    let mut path = path.clone();
    loop {
        let walk = Walk { rest: path.segments() };
        if let Err(error) = walk.deserialize(serde_yaml::Deserializer::from_str(text)) {
            return error.location().map(|location| (location.line(), location.column()));
        }
        path = path.split_last()?.0;
    }
}

/// Follows `rest`; succeeds if there is no such place, and fails when it has found it.
struct Walk<'a> {
    rest: &'a [Segment],
}

const ARRIVED: &str = "arrived";

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.here()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.here()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.here()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.here()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.here()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.rest.split_first() else {
            return self.here();
        };
        let mut index = 0;
        loop {
            let more = if *wanted == Segment::Index(index) {
                elements.next_element_seed(Walk { rest })?.is_some()
            } else {
                elements.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.rest.split_first() else {
            return self.here();
        };
        while let Some(found) = entries.next_key_seed(Key {
            wanted,
            last: rest.is_empty(),
        })? {
            if found {
                entries.next_value_seed(Walk { rest })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn here<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.rest.is_empty() {
            Err(E::custom(ARRIVED))
        } else {
            Ok(())
        }
    }
}

/// Reads a key, and raises the error if it is the last one of the path.
struct Key<'a> {
    wanted: &'a Segment,
    last: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        let found = matches!(self.wanted, Segment::Key(wanted) if wanted == key);
        if found && self.last {
            Err(E::custom(ARRIVED))
        } else {
            Ok(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
server:
  listen: 1.2.3.4:80 # a comment with key: value
  limits: { headers: 5, 'idle': 3s }
routes:
  - id: one
    match:
      host: |
        block: text
  -   id: two
";

    fn at(path: &KeyPath) -> Option<(usize, usize)> {
        position(TEXT, path)
    }

    #[test]
    fn a_key_is_found_in_blocks_flows_and_lists() {
        let root = KeyPath::root();
        assert_eq!(at(&root.key("server").key("listen")), Some((2, 3)));
        assert_eq!(at(&root.key("server").key("limits").key("idle")), Some((3, 25)));
        assert_eq!(at(&root.key("routes").index(0).key("match").key("host")), Some((7, 7)));
        assert_eq!(at(&root.key("routes").index(1)), Some((9, 7)));
        assert_eq!(at(&root.key("routes").index(1).key("id")), Some((9, 7)));
    }

    #[test]
    fn what_is_absent_is_placed_at_what_surrounds_it() {
        let root = KeyPath::root();
        assert_eq!(at(&root.key("routes").index(1).key("access")), Some((9, 7)));
        assert_eq!(at(&root.key("server").key("admin")), Some((1, 1)));
        assert_eq!(at(&root.key("store").key("redis")), Some((1, 1)));
    }
}
