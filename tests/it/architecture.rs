//! The allowed dependencies. A dependency that is not in these tables is either a mistake or has to be added
//! deliberately; two files that depend on each other are a mistake.

mod circles;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use self::circles::{circles, knows};
use self::names::Source;

/// The modules that every part may use.
const SHARED: [&str; 9] = [
    "clock",
    "content_length",
    "cookies",
    "log",
    "metrics",
    "network",
    "secret",
    "sliding_window",
    "visible",
];

/// The parts, each with the parts that it may depend on.
const KNOWS: [(&str, &[&str]); 13] = [
    ("main", &["cli"]),
    // A command is a small composition root of its own.
    ("cli", &["app", "accounts", "config", "dev", "gate", "keys", "store"]),
    (
        "app",
        &[
            "proxy",
            "endpoints",
            "admin",
            "config",
            "keys",
            "accounts",
            "mail",
            "store",
            "gate",
        ],
    ),
    // It calls the endpoints in process and passes the caller.
    ("proxy", &["gate", "endpoints"]),
    // It publishes the public keys.
    ("endpoints", &["gate", "accounts", "keys"]),
    // Without a key it is not ready.
    ("admin", &["keys"]),
    // It turns a file into the settings of the others.
    ("config", &["proxy", "gate", "keys", "accounts", "mail", "store"]),
    ("gate", &["store", "keys"]),
    ("accounts", &["audit", "mail", "store", "keys"]),
    // A message that cannot be delivered is recorded in the audit log.
    ("mail", &["audit", "store", "keys"]),
    ("audit", &["store"]),
    ("keys", &["store"]),
    ("store", &[]),
];

/// Words that only some parts may contain.
const SAID_BY: [(&str, &[&str]); 8] = [
    // The keys fetch those of others with its HTTP client.
    ("pingora::", &["proxy", "admin", "app", "keys"]),
    ("tokio_postgres::", &["store"]),
    ("deadpool_postgres::", &["store"]),
    ("use redis::", &["store"]),
    ("serde_yaml::", &["config"]),
    ("env::var", &["config", "dev"]),
    ("clap::", &["cli", "main"]),
    ("axum::", &["endpoints", "proxy", "app"]),
];

#[test]
fn every_part_depends_only_on_those_it_may() {
    let mut wrong = Vec::new();
    for (part, path, code) in sources() {
        let allowed = KNOWS
            .iter()
            .find(|(known, _)| *known == part)
            .map_or(&[][..], |(_, allowed)| allowed);
        for other in mentioned(&code) {
            if other != part && !SHARED.contains(&other.as_str()) && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{}: {part} may not know {other}", path.display()));
            }
        }
        for (word, parts) in SAID_BY {
            let said = code
                .lines()
                .map(|line| line.replace("store::redis::", ""))
                .any(|line| line.contains(word) && !line.contains(&format!("_{word}")));
            if said && !parts.contains(&part.as_str()) {
                wrong.push(format!("{}: only {parts:?} may say {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_files_know_each_other() {
    let sources = files().into_iter().map(|(path, text)| Source {
        path: path.to_str().unwrap().to_owned(),
        text,
    });
    let found = circles(&knows(&sources.collect::<Vec<_>>()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every file under `src`: its path there, and its text.
fn files() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&src).unwrap().to_owned(), text));
            }
        }
    }
    found
}

/// Every file but the list of the parts: the part it belongs to, its path, and its text without comments.
fn sources() -> Vec<(String, PathBuf, String)> {
    let files = files().into_iter().filter(|(path, _)| !path.ends_with("lib.rs"));
    let split = files.map(|(path, text)| {
        let inside = path.with_extension("");
        let part = inside.components().next().unwrap().as_os_str();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        (
            part.to_str().unwrap().to_owned(),
            inside.clone(),
            code.collect::<Vec<_>>().join("\n"),
        )
    });
    split.collect()
}

/// The top-level modules that `code` names: `crate::gate::…`, `crate::{clock, gate::…}`, and `sidegate::…` in the
/// binary.
fn mentioned(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in code.split("crate::").skip(1).chain(code.split("sidegate::").skip(1)) {
        let Some(group) = after.strip_prefix('{') else {
            found.push(first_word(after));
            continue;
        };
        let mut depth = 1;
        let mut at_name = true;
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => at_name = true,
                _ if at_name && character.is_alphabetic() => {
                    found.push(first_word(&group[index..]));
                    at_name = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

#[test]
fn a_grouped_import_is_read_like_single_ones() {
    let code = "use crate::{clock, gate::{denial, route}, keys::Keys};\nuse crate::store::users;";
    assert_eq!(mentioned(code), ["clock", "gate", "keys", "store"]);
}
