//! Lays one configuration over another: `sidegate dev --config overrides.yaml`.
//!
//! Maps are merged key by key, and a key without a value removes the one below. A list whose elements all have an `id` is
//! merged by it, and new ids are appended; any other list, and any other value, replaces the one below.

use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::errors::{Errors, Problem};
use super::findings::Findings;
use super::path::{KeyPath, Segment};
use super::{locate, source, tree};

/// The file that is laid over another configuration.
#[derive(Debug)]
pub struct Overlay {
    name: String,
    text: String,
    tree: Value,
}

impl Overlay {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is not a map of sections. Its keys and values are checked in the merged configuration.
    pub fn load(path: &Path) -> Result<Self, Errors> {
        let name = path.display().to_string();
        let text = source::read(path, &name)?;
        Self::parse(name, &text)
    }

    fn parse(name: String, text: &str) -> Result<Self, Errors> {
        let text = source::text(&name, text)?.to_owned();
        let mut findings = Findings::default();
        let tree = tree::read_overlay(&name, &text, &mut findings)?;
        let overlay = Self { name, text, tree };
        if findings.problems.is_empty() {
            Ok(overlay)
        } else {
            Err(overlay.errors(findings.problems))
        }
    }

    /// Refuses keys that must not be replaced: each is a dotted path, with the reason.
    ///
    /// # Errors
    /// For each of them that the file contains.
    pub fn refuse(&self, keys: &[(&str, &str)]) -> Result<(), Errors> {
        let mut found = Vec::new();
        for (key, reason) in keys {
            let path: KeyPath = key.split('.').map(|key| Segment::Key(key.to_owned())).collect();
            if self.deepest(&Value::Null, &path) == path {
                found.push((path, (*reason).to_owned()));
            }
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(self.errors(found))
        }
    }

    /// The configuration `base`, which is valid, with this file over it.
    pub fn over(&self, base: &str) -> String {
        serde_yaml::to_string(&self.merged(base)).expect("it was read from YAML")
    }

    /// The mistakes of the configuration that [`Self::over`] made of `base`, at their places in this file.
    pub fn locate(&self, base: &str, errors: &Errors) -> Errors {
        let merged = self.merged(base);
        let written = |problem: &Problem| {
            let place = self.deepest(&merged, &problem.path);
            let rest = &problem.path.segments()[place.segments().len()..];
            let path = place.segments().iter().chain(rest).cloned().collect();
            (path, problem.message.clone())
        };
        self.errors(errors.problems().iter().map(written).collect())
    }

    fn merged(&self, base: &str) -> Value {
        let mut merged: Value = serde_yaml::from_str(base).expect("the base is valid");
        merge(&mut merged, &self.tree);
        merged
    }

    fn errors(&self, problems: Vec<(KeyPath, String)>) -> Errors {
        let problem = |(path, message): (KeyPath, String)| Problem {
            position: locate::position(&self.text, &path),
            path,
            message,
        };
        Errors::new(&self.name, problems.into_iter().map(problem).collect())
    }

    /// The longest part of `path`, which is one of `merged`, that this file contains, as a path in this file.
    fn deepest(&self, merged: &Value, path: &KeyPath) -> KeyPath {
        let (mut merged, mut written, mut place) = (Some(merged), &self.tree, KeyPath::root());
        for segment in path.segments() {
            let step = match segment {
                Segment::Key(key) => written.get(key).map(|value| (value, place.key(key))),
                Segment::Index(index) => {
                    let element = merged.and_then(|list| list.get(index));
                    let index = match (ids(written), element.and_then(id)) {
                        (Some(ids), Some(id)) => ids.iter().position(|known| *known == id),
                        _ => Some(*index),
                    };
                    index.and_then(|index| Some((written.get(index)?, place.index(index))))
                }
            };
            let Some((value, deeper)) = step else { break };
            merged = merged.and_then(|tree| match segment {
                Segment::Key(key) => tree.get(key),
                Segment::Index(index) => tree.get(index),
            });
            (written, place) = (value, deeper);
        }
        place
    }
}

fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Mapping(under), Value::Mapping(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    under.remove(key);
                } else if let Some(under) = under.get_mut(key) {
                    merge(under, value);
                } else {
                    // Merged too, so that keys without a value disappear from a new map as well.
                    let mut new = if value.is_mapping() {
                        Value::Mapping(Mapping::new())
                    } else {
                        Value::Null
                    };
                    merge(&mut new, value);
                    under.insert(key.clone(), new);
                }
            }
        }
        (under, over) => match (ids(under), ids(over)) {
            (Some(_), Some(_)) => merge_by_id(under, over),
            _ => under.clone_from(over),
        },
    }
}

fn merge_by_id(under: &mut Value, over: &Value) {
    let (Value::Sequence(under), Value::Sequence(over)) = (under, over) else {
        return;
    };
    for element in over {
        match under.iter_mut().find(|known| id(known) == id(element)) {
            Some(known) => merge(known, element),
            None => under.push(element.clone()),
        }
    }
}

/// The ids of a list whose elements all have one.
fn ids(value: &Value) -> Option<Vec<&str>> {
    let elements = value.as_sequence().filter(|elements| !elements.is_empty())?;
    elements.iter().map(id).collect()
}

fn id(element: &Value) -> Option<&str> {
    element.get("id")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "server: { listen: a, limits: { headers: 5 } }\nlist: [1, 2]\n\
                        routes:\n  - { id: one, access: x }\n  - { id: two, access: y, match: { path: /t } }\n";

    fn overlay(text: &str) -> Overlay {
        Overlay::parse("over.yaml".to_owned(), text).unwrap()
    }

    fn merged(text: &str) -> Value {
        serde_yaml::from_str(&overlay(text).over(BASE)).unwrap()
    }

    #[test]
    fn maps_are_merged_lists_with_ids_by_id_and_everything_else_is_replaced() {
        let tree = merged(
            "server: { limits: { idle: 1s } }\nlist: [3]\nnew: { a: 1 }\n\
             routes: [{ id: two, match: { host: h } }, { id: three, access: z }]\n",
        );
        let expected = "server: { listen: a, limits: { headers: 5, idle: 1s } }\nlist: [3]\n\
                        routes: [{ id: one, access: x }, { id: two, access: y, match: { path: /t, host: h } }, \
                        { id: three, access: z }]\nnew: { a: 1 }\n";
        assert_eq!(tree, serde_yaml::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn a_key_without_a_value_is_removed() {
        let tree = merged("server: { listen: ~, absent: ~ }\nlist:\nnew: { a: { b: ~ } }\n");
        assert_eq!(
            tree["server"],
            serde_yaml::from_str::<Value>("{ limits: { headers: 5 } }").unwrap()
        );
        assert!(
            tree.get("list").is_none() && tree["new"]["a"].get("b").is_none(),
            "{tree:?}"
        );
    }

    #[test]
    fn a_list_without_ids_replaces_one_with_ids() {
        let tree = merged("routes: [{ access: z }]");
        assert_eq!(
            tree["routes"],
            serde_yaml::from_str::<Value>("[{ access: z }]").unwrap()
        );
    }

    #[test]
    fn a_mistake_of_the_merged_configuration_is_placed_in_the_file_that_was_laid_over() {
        let over = overlay("# first\nroutes:\n  - id: two\n    match: { host: 5 }\nserver: {}\n");
        let problem = |path: KeyPath| {
            let problem = Problem {
                path,
                position: Some((9, 9)),
                message: "wrong".to_owned(),
            };
            over.locate(BASE, &Errors::new("merged", vec![problem])).to_string()
        };
        let root = KeyPath::root();
        let second = root.key("routes").index(1);
        assert_eq!(
            problem(second.key("match").key("host")),
            "over.yaml:4:14: routes[0].match.host: wrong"
        );
        assert_eq!(
            problem(second.key("upstream")),
            "over.yaml:3:5: routes[0].upstream: wrong"
        );
        assert_eq!(
            problem(root.key("server").key("listen")),
            "over.yaml:5:1: server.listen: wrong"
        );
    }

    #[test]
    fn a_key_that_must_stay_is_refused_with_its_reason() {
        let over = overlay("server:\n  listen: b\n");
        let keys = [("server.listen", "use --listen"), ("server.admin", "use --admin")];
        assert_eq!(
            over.refuse(&keys).unwrap_err().to_string(),
            "over.yaml:2:3: server.listen: use --listen"
        );
        assert!(overlay("server: { limits: {} }").refuse(&keys).is_ok());
    }
}
