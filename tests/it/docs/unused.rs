//! What is documented also happens: no metric, no label that exists before its first event, and no audit event is only
//! in a table.

use std::fs;
use std::path::Path;

use sidegate::store::audit::Event;

/// The text of every file under `src` but `without`, without comments.
fn program(without: &str) -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with(without) {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                all.extend(code.flat_map(|line| [line, "\n"]));
            }
        }
    }
    all
}

fn contains_word(text: &str, word: &str) -> bool {
    let continues = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[at + word.len()..].starts_with(continues))
}

#[test]
fn every_metric_is_moved_by_the_program() {
    let table = include_str!("../../../src/metrics.rs");
    let program = program("metrics.rs");
    let names = table.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("    ")?.split_once(": ")?;
        rest.contains(" = \"").then_some(name)
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() > 50, "only {} metrics were found", names.len());
    let still = names
        .iter()
        .filter(|name| !contains_word(&program, &format!(".{name}")));
    assert_eq!(still.collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn every_label_that_exists_before_its_first_event_has_an_event() {
    let table = include_str!("../../../src/metrics.rs");
    let (_, body) = table.split_once("fn prepare(&self)").unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let program = program("metrics.rs");
    let labels: Vec<_> = body
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|label| *label != "registered once")
        .collect();
    assert!(labels.len() > 30, "only {} labels were found", labels.len());
    let still = labels.iter().filter(|label| !program.contains(&format!("\"{label}\"")));
    assert_eq!(still.collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn every_audit_event_is_written_by_the_program() {
    let program = program("store/audit.rs");
    let never = Event::ALL
        .iter()
        .filter(|event| !contains_word(&program, &format!("Event::{event:?}")));
    assert_eq!(never.collect::<Vec<_>>(), [&Event::ConfigReloaded; 0]);
}
