//! Checks `match` of a route: hosts, paths and methods that are unambiguous.

use super::super::super::findings::Findings;
use super::super::super::path::KeyPath;
use super::super::super::text::one_or_many::OneOrMany;
use super::super::methods::methods;
use super::Match;
use crate::accounts::settings::{WELL_KNOWN, is_own_path};
use crate::gate::rules::{assertion, route};

/// `None` if there is a mistake, which is recorded in `findings`. `base_path` is `auth.base_path`.
pub(super) fn matches(
    written: &Match,
    base_path: Option<&str>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<route::Match> {
    if written.host.is_none() && written.path.is_none() && written.methods.is_none() {
        findings.add(
            at,
            "expected host, path or methods; for every request write `path: \"/**\"`",
        );
    }
    let hosts = match &written.host {
        Some(hosts) => each(hosts, host, &at.key("host"), findings),
        None => Some(Vec::new()),
    };
    let at_path = at.key("path");
    let paths = match &written.path {
        Some(paths) => each(paths, path, &at_path, findings),
        None => Some(Vec::new()),
    };
    if let Some(path) = paths.iter().flatten().find(|path| ***path == *assertion::JWKS_PATH) {
        findings.add(&at_path, format!("{path} can never match: Sidegate answers it itself"));
    }
    if let (Some(base), Some(paths)) = (base_path, &paths) {
        for path in paths.iter().filter(|path| is_own_path(base, path)) {
            findings.add(
                &at_path,
                format!(
                    "{path} can never match: Sidegate answers {base} and {} itself",
                    WELL_KNOWN.join(", ")
                ),
            );
        }
    }
    let methods = match &written.methods {
        Some(written) => methods(written, &at.key("methods"), findings),
        None => Some(Vec::new()),
    };
    Some(route::Match {
        hosts: hosts?,
        paths: paths?,
        methods: methods?,
    })
}

/// Reads a string or a list of strings; an empty list is a mistake, because it would mean "any".
fn each(
    words: &OneOrMany<String>,
    read: fn(&str) -> Result<Box<str>, String>,
    at: &KeyPath,
    findings: &mut Findings,
) -> Option<Vec<Box<str>>> {
    let mut good = Vec::new();
    for word in &words.0 {
        match read(word) {
            Ok(word) if good.contains(&word) => findings.add(at, format!("{word} is listed twice")),
            Ok(word) => good.push(word),
            Err(message) => findings.add(at, message),
        }
    }
    if words.0.is_empty() {
        findings.add(at, "expected at least one; leave the key out to match any");
    }
    (good.len() == words.0.len()).then_some(good)
}

fn host(word: &str) -> Result<Box<str>, String> {
    let name = word.strip_prefix("*.").unwrap_or(word);
    let legal = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    let is_v6 = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|rest| rest.parse::<std::net::Ipv6Addr>().is_ok());
    if name.split('.').all(legal) || is_v6 {
        Ok(word.into())
    } else {
        Err(format!(
            "expected a host in lower case without port, such as wiki.example.com or *.example.com, got {word:?}"
        ))
    }
}

fn path(word: &str) -> Result<Box<str>, String> {
    let wrong = |expected: &str| Err(format!("expected {expected}, got {word:?}"));
    let Some(rest) = word.strip_prefix('/') else {
        return wrong("a path that begins with /");
    };
    if word.contains(['?', '#', '%', '\\', ';']) || word.chars().any(char::is_control) || word.contains(' ') {
        return wrong("a decoded path, without ? # % ; or spaces");
    }
    let segments: Vec<&str> = rest.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "" if !last => return wrong("a path without //"),
            "." | ".." => return wrong("a path without . and .. segments"),
            "**" if !last => return wrong("`**` only at the end of a path"),
            "*" | "**" => {}
            other if other.contains('*') => return wrong("`*` as a whole segment"),
            _ => {}
        }
    }
    Ok(word.into())
}

/// Checks that every path which the route matches starts with the prefix.
pub(super) fn strip_prefix(prefix: &str, matches: &route::Match, at: &KeyPath, findings: &mut Findings) {
    if path(prefix).is_err() || prefix.ends_with('/') || prefix.contains('*') {
        findings.expected(
            at,
            "a path such as /wiki, without a slash at its end",
            format_args!("{prefix:?}"),
        );
        return;
    }
    let below = |path: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if matches.paths.is_empty() || !matches.paths.iter().all(|path| below(path)) {
        findings.add(
            at,
            format!("the route also matches paths that do not begin with {prefix}"),
        );
    }
}
