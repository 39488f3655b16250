use std::collections::HashSet;

use serde_json::Value;

use super::{complete, operation, problem};
use crate::endpoints::documented;

fn described() -> Value {
    serde_json::to_value(documented("/auth").into_openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    items
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        })
        .collect()
}

#[test]
fn an_operation_refuses_with_words_of_the_table() {
    let table: HashSet<_> = problem::all()
        .iter()
        .map(|row| (row.status.as_u16(), row.word))
        .collect();
    for (name, operation) in operations(&described()) {
        for (status, words) in operation::said(&operation) {
            assert!(!words.is_empty(), "{name}: {status} says no word");
            for word in words {
                assert!(
                    table.contains(&(status, word.as_str())),
                    "{name}: no row says {status} `{word}`"
                );
            }
        }
    }
}

#[test]
fn every_row_of_the_table_is_said_by_an_operation() {
    let document = complete(&documented("/auth").into_openapi(), None);
    let said: HashSet<_> = operations(&document)
        .iter()
        .flat_map(|(_, operation)| operation::said(operation))
        .flat_map(|(status, words)| words.into_iter().map(move |word| (status, word)))
        .collect();
    for code in problem::Code::ALL {
        // These two are said where there is no operation.
        if matches!(code, problem::Code::NotFound | problem::Code::MethodNotAllowed) {
            continue;
        }
        let row = (code.status().as_u16(), code.word().to_owned());
        assert!(said.contains(&row), "no operation says {row:?}");
    }
}

#[test]
fn every_operation_has_a_name_a_tag_a_summary_and_examples() {
    let document = complete(&documented("/auth").into_openapi(), Some("https://gw.example.com/"));
    let mut names = HashSet::new();
    for (name, operation) in operations(&document) {
        assert!(
            names.insert(operation["operationId"].to_string()),
            "{name} shares its operationId"
        );
        let tag = &operation["tags"][0];
        let known = document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .any(|known| known["name"] == *tag);
        assert!(known, "{name} has the unknown tag {tag}");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        for (media, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            assert!(has_example(body, &document), "{name}: the {media} body has no example");
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            for (media, body) in answer["content"].as_object().into_iter().flatten() {
                let name = format!("{name}: the {media} answer to {status}");
                assert!(has_example(body, &document), "{name} has no example");
            }
        }
    }
    assert_eq!(document["servers"][0]["url"], "https://gw.example.com");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

/// Of the body itself, or of its shape.
fn has_example(body: &Value, document: &Value) -> bool {
    let reference = body["schema"]["$ref"].as_str().unwrap_or_default();
    let schema = document
        .pointer(reference.trim_start_matches('#'))
        .filter(|_| !reference.is_empty());
    let has = |value: &Value| value.get("example").is_some() || value.get("examples").is_some();
    has(body) || schema.is_some_and(has)
}

#[test]
fn no_endpoint_is_served_without_being_described() {
    let source = include_str!("../../endpoints.rs");
    assert!(
        source.contains(".routes(routes!("),
        "this test looks in the wrong place"
    );
    assert!(!source.contains(".route("), "register it with `.routes(routes!(…))`");
}
