//! Planned keys, which are refused with their own message: to accept and ignore them would be misleading, and "unknown
//! key" would make an operator look for a typing mistake.

use super::path::{KeyPath, Segment};

/// Keys, with `*` for any name or list position.
const KEYS: &[&str] = &["server.tls", "observability.tracing"];

const MESSAGE: &str = "not available in this version";

/// The message for a planned key; `None` for an unknown one.
pub(super) fn key(path: &KeyPath) -> Option<String> {
    KEYS.iter()
        .any(|pattern| matches(pattern, path))
        .then(|| MESSAGE.to_owned())
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
    fn a_planned_key_is_distinguished_from_an_unknown_one() {
        let root = KeyPath::root();
        assert!(key(&root.key("server").key("tls")).is_some());
        assert!(key(&root.key("observability").key("tracing")).is_some());
        assert!(key(&root.key("server").key("tlss")).is_none());
        assert!(key(&root.key("server").key("tls").key("cert")).is_none());
    }
}
