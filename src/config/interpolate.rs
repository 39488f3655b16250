//! `${VAR}` and `${VAR:-default}` in strings. `$${` stands for `${`.
//!
//! Replaced in the tree and not in the text, so that a value that contains `: ` or a line break stays one value.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::findings::Findings;
use super::path::KeyPath;

/// Looks up an environment variable; a parameter so that tests do not have to change the environment of the process.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces variables in all strings below `value` and returns the paths of those that contained one.
///
/// A message about such a string must not print its value: the variable may be a secret.
pub(super) fn apply(value: &mut Value, environment: Environment<'_>, findings: &mut Findings) -> BTreeSet<KeyPath> {
    let mut replaced = BTreeSet::new();
    walk(value, &KeyPath::root(), environment, findings, &mut replaced);
    replaced
}

fn walk(
    value: &mut Value,
    path: &KeyPath,
    environment: Environment<'_>,
    findings: &mut Findings,
    replaced: &mut BTreeSet<KeyPath>,
) {
    match value {
        Value::String(text) if text.contains("${") => match expand(text, environment) {
            Ok(expanded) => {
                *text = expanded;
                replaced.insert(path.clone());
            }
            Err(message) => {
                findings.add(path, message);
                replaced.insert(path.clone());
            }
        },
        Value::Sequence(list) => {
            for (index, element) in list.iter_mut().enumerate() {
                walk(element, &path.index(index), environment, findings, replaced);
            }
        }
        Value::Mapping(map) => {
            for (key, value) in map.iter_mut() {
                let key = key.as_str().unwrap_or_default();
                walk(value, &path.key(key), environment, findings, replaced);
            }
        }
        _ => {}
    }
}

fn expand(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            expanded.push_str(&rest[..start - 1]);
            expanded.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        expanded.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}').map(|length| start + length) else {
            return Err("has a `${` without a `}`; write `$${` for the characters themselves".to_owned());
        };
        let inside = &rest[start + 2..end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(format!("`${{{name}}}` is not the name of an environment variable"));
        }
        match (environment(name), default) {
            // As in the shell: an empty variable counts as unset if there is a default.
            (Some(value), Some(default)) if value.is_empty() => expanded.push_str(default),
            (Some(value), _) => expanded.push_str(&value),
            (None, Some(default)) => expanded.push_str(default),
            (None, None) => return Err(format!("the environment variable {name} is not set and has no default")),
        }
        rest = &rest[end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        expand(text, &|name| match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn variables_and_defaults_are_replaced() {
        assert_eq!(expanded("a ${HOST} b").unwrap(), "a db b");
        assert_eq!(expanded("${NONE:-x}:${HOST:-y}").unwrap(), "x:db");
        assert_eq!(expanded("${EMPTY:-x}${EMPTY}").unwrap(), "x");
        assert_eq!(expanded("${NONE:-}").unwrap(), "");
        assert_eq!(expanded("${NONE:-redis://h:1/0}").unwrap(), "redis://h:1/0");
    }

    #[test]
    fn a_doubled_dollar_stands_for_itself_and_values_are_not_expanded_again() {
        assert_eq!(expanded("$${HOST}").unwrap(), "${HOST}");
        assert_eq!(expanded("${NESTED}").unwrap(), "${HOST}");
        assert_eq!(expanded("5$ and $HOST").unwrap(), "5$ and $HOST");
    }

    #[test]
    fn what_cannot_be_replaced_is_said() {
        assert_eq!(
            expanded("${NONE}").unwrap_err(),
            "the environment variable NONE is not set and has no default"
        );
        assert!(expanded("${HOST").unwrap_err().contains("without a `}`"));
        assert!(expanded("${a b}").unwrap_err().contains("not the name"));
        assert!(expanded("${}").unwrap_err().contains("not the name"));
    }
}
