//! Converts a tree to a [`File`](super::File) and records every problem, not only the first.
//!
//! serde stops at its first error. So the value that caused it is recorded and removed from the tree, and reading
//! starts again until it succeeds. That works because no field of the file types is required by serde: a field without
//! a default is an `Option`, and the checks that follow report it as missing.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment as Step;
use serde_yaml::Value;

use super::findings::{Findings, MOST_PROBLEMS, closest, did_you_mean};
use super::not_yet;
use super::path::{KeyPath, Segment};

/// Reads a `T` from `tree`. `replaced` are the strings that contained a `${VAR}`.
///
/// `None` only if there are so many problems that reading on is pointless.
pub(super) fn read<T: DeserializeOwned>(
    mut tree: Value,
    replaced: &BTreeSet<KeyPath>,
    findings: &mut Findings,
) -> Option<T> {
    // Each round removes one value or turns one string into a number, so this terminates; the bound makes that obvious.
    for _ in 0..=(MOST_PROBLEMS + replaced.len()) {
        let error = match serde_path_to_error::deserialize(&tree) {
            Ok(file) => return Some(file),
            Err(error) => error,
        };
        let path = steps_to_path(error.path());
        let written = findings.as_written(&path);
        let message = error.inner().to_string();
        let value = find(&tree, &path);
        let from_variable = replaced.contains(&written);
        if from_variable
            && message.starts_with("invalid type: string")
            && let Some(scalar) = value.and_then(as_plain_scalar)
        {
            // `workers: ${WORKERS}` is a string for YAML; its value is read as if it had been written there.
            *find_mut(&mut tree, &path)? = scalar;
            continue;
        }
        if let Some(meant) = misspelt(&message) {
            findings.misspelt(&path, meant);
        }
        findings.add(&path, explain(&message, &written, value, from_variable));
        take_out(&mut tree, &path, findings)?;
    }
    None
}

fn steps_to_path(path: &serde_path_to_error::Path) -> KeyPath {
    path.iter()
        .filter_map(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Key(key.clone())),
            Step::Enum { .. } | Step::Unknown => None,
        })
        .collect()
}

fn find<'a>(tree: &'a Value, path: &KeyPath) -> Option<&'a Value> {
    path.segments().iter().try_fold(tree, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

fn find_mut<'a>(tree: &'a mut Value, path: &KeyPath) -> Option<&'a mut Value> {
    path.segments().iter().try_fold(tree, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

/// Removes the value at `path`. `None` if there is nothing to remove.
fn take_out(tree: &mut Value, path: &KeyPath, findings: &mut Findings) -> Option<()> {
    let (parent, last) = path.split_last()?;
    match (find_mut(tree, &parent)?, last) {
        (Value::Mapping(map), Segment::Key(key)) => map.remove(key).map(drop),
        (Value::Sequence(elements), Segment::Index(index)) if *index < elements.len() => {
            findings.take_out(&parent, *index);
            elements.remove(*index);
            Some(())
        }
        _ => None,
    }
}

fn as_plain_scalar(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    if let Ok(flag) = text.parse::<bool>() {
        return Some(Value::Bool(flag));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(Value::Number(number.into()));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(Value::Number(number.into()))
}

/// Translates serde's message for operators.
fn explain(message: &str, path: &KeyPath, value: Option<&Value>, from_variable: bool) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        if let Some(message) = not_yet::key(path) {
            return message;
        }
        let known = in_backticks(rest);
        let Some((name, known)) = known.split_first() else {
            return "unknown key".to_owned();
        };
        return format!("unknown key{}", suggestion(name, known));
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let words = in_backticks(rest);
        let Some((got, known)) = words.split_first() else {
            return "unknown value".to_owned();
        };
        let got = if from_variable {
            "another value from the environment".to_owned()
        } else {
            format!("{got:?}")
        };
        return format!("expected {}, got {got}", known.join(" | "));
    }
    if let Some(expected) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {}, got {}", in_plain_english(expected.1), kind_of(value));
    }
    if let Some(expected) = message
        .strip_prefix("invalid value: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("expected {}, got {}", in_plain_english(expected.1), kind_of(value));
    }
    // The messages of the parsers in `text` are `expected …, got …`, with the value last.
    match message.split_once(", got ") {
        Some((expected, _)) if from_variable => format!("{expected}, got something else from the environment"),
        _ => message.to_owned(),
    }
}

/// The key that an unknown one is probably a misspelling of.
fn misspelt(message: &str) -> Option<&str> {
    let words = in_backticks(message.strip_prefix("unknown field ")?);
    let (name, known) = words.split_first()?;
    closest(name, known.iter().copied())
}

fn suggestion(name: &str, known: &[&str]) -> String {
    let suggestion = did_you_mean(name, known.iter().copied());
    if suggestion.is_empty() && !known.is_empty() && known.len() <= 12 {
        return format!(" (known here: {})", known.join(", "));
    }
    suggestion
}

fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn in_plain_english(expected: &str) -> &str {
    match expected.trim_end_matches(" at line 0 column 0") {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f64" | "f32" => "a number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        words if words.starts_with("struct ") => "a map of keys",
        words if words.starts_with("enum ") => "a string",
        words => words,
    }
}

/// The kind of a value, and the value itself only if it cannot be a secret.
fn kind_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::Null) | None => "nothing".to_owned(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(_)) => "a string".to_owned(),
        Some(Value::Sequence(_)) => "a list".to_owned(),
        Some(Value::Mapping(_) | Value::Tagged(_)) => "a map".to_owned(),
    }
}
