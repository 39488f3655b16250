//! Keys that are planned and not honoured. They are refused by name: a key that is read and then ignored would be a lie, and a bare
//! "unknown key" would send the reader looking for a typing mistake.

use super::path::{KeyPath, Segment};

/// Keys, with `*` for any name or list position.
const KEYS: &[&str] = &["server.tls", "observability.tracing"];

/// Values of keys that exist.
const VALUES: &[(&str, &str)] = &[("auth.password.hash", "argon2id")];

const MESSAGE: &str = "not available in this version";

/// The message for a key which is planned; `None` for one that is simply unknown.
pub(super) fn key(path: &KeyPath) -> Option<String> {
    KEYS.iter()
        .any(|pattern| matches(pattern, path))
        .then(|| MESSAGE.to_owned())
}

/// The message for a value which is planned.
pub(super) fn value(path: &KeyPath, value: &str) -> Option<String> {
    VALUES
        .iter()
        .any(|(pattern, planned)| *planned == value && matches(pattern, path))
        .then(|| format!("`{value}` is {MESSAGE}"))
}

fn matches(pattern: &str, path: &KeyPath) -> bool {
    let mut segments = path.segments().iter();
    pattern.split('.').all(|word| match segments.next() {
        Some(Segment::Key(key)) => word == "*" || word == key,
        Some(Segment::Index(_)) => word == "*",
        None => false,
    }) && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_key_is_told_from_an_unknown_one() {
        let root = KeyPath::root();
        assert!(key(&root.key("server").key("tls")).is_some());
        assert!(key(&root.key("observability").key("tracing")).is_some());
        assert!(key(&root.key("server").key("tlss")).is_none());
        assert!(key(&root.key("server").key("tls").key("cert")).is_none());
    }
}
