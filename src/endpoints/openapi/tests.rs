use std::collections::HashSet;

use serde_json::{Value, json};

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
fn an_operation_refuses_with_codes_of_the_table() {
    let table: HashSet<_> = problem::all()
        .iter()
        .map(|row| (row.status.as_u16(), row.code))
        .collect();
    for (name, operation) in operations(&described()) {
        for (status, codes) in operation::named_codes(&operation) {
            assert!(!codes.is_empty(), "{name}: {status} names no code");
            for code in codes {
                assert!(
                    table.contains(&(status, code.as_str())),
                    "{name}: no row has {status} `{code}`"
                );
            }
        }
    }
}

#[test]
fn every_row_of_the_table_is_named_by_an_operation() {
    let document = complete(&documented("/auth").into_openapi(), None);
    let named: HashSet<_> = operations(&document)
        .iter()
        .flat_map(|(_, operation)| operation::named_codes(operation))
        .flat_map(|(status, codes)| codes.into_iter().map(move |code| (status, code)))
        .collect();
    for code in problem::Code::ALL {
        // The router answers with it where there is no operation.
        if matches!(code, problem::Code::MethodNotAllowed) {
            continue;
        }
        let row = (code.status().as_u16(), code.as_str().to_owned());
        assert!(named.contains(&row), "no operation names {row:?}");
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
        if let Some(body) = operation.get("requestBody") {
            assert!(body["content"].is_object(), "{name} has a body of no type");
        }
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

#[test]
fn every_example_is_of_the_shape_that_it_stands_for() {
    let document = complete(&documented("/auth").into_openapi(), None);
    let mut checked = 0;
    let mut check = |name: &str, schema: &Value, example: &Value| {
        // Within the whole document, since shapes refer to one another.
        let whole = json!({ "allOf": [schema], "components": document["components"] });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let wrong: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {example} is {wrong:?}");
        checked += 1;
    };
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for example in examples_of(schema, &document) {
            check(name, schema, example);
        }
    }
    for (name, operation) in operations(&document) {
        let answers = operation["responses"].as_object().into_iter().flatten();
        for (part, body) in answers
            .map(|(status, answer)| (status.as_str(), answer))
            .chain([("body", &operation["requestBody"])])
        {
            for (media, content) in body["content"].as_object().into_iter().flatten() {
                for example in examples_of(content, &document) {
                    check(&format!("{name}: {part} as {media}"), &content["schema"], example);
                }
            }
        }
    }
    assert!(checked > 200, "only {checked} examples were found");
}

/// What is written beside a shape or a body: one example, a list, or a list of named ones, which may be kept elsewhere.
fn examples_of<'a>(owner: &'a Value, document: &'a Value) -> Vec<&'a Value> {
    let one = owner.get("example").into_iter();
    let listed = owner["examples"].as_array().into_iter().flatten();
    let named = owner["examples"]
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::values);
    let values = named.map(|named| match named["$ref"].as_str() {
        Some(reference) => document.pointer(&format!("{}/value", &reference[1..])).unwrap(),
        None => &named["value"],
    });
    one.chain(listed).chain(values).collect()
}

#[test]
fn an_operation_takes_a_token_or_a_client_or_is_meant_for_everybody() {
    const EVERYBODY: &[&str] = &[
        "get /.well-known/change-password",
        "get /.well-known/jwks.json",
        "get /.well-known/oauth-authorization-server",
        "get /auth/openapi.json",
        "post /auth/email/verify/resend",
        "post /auth/login",
        "post /auth/login/mfa",
        "post /auth/login/mfa/email",
        "post /auth/password/forgot",
        "post /auth/password/reset",
        "post /auth/refresh",
        "post /auth/register",
    ];
    let mut open: Vec<String> = operations(&described())
        .into_iter()
        .filter(|(_, operation)| operation.get("security").is_none())
        .map(|(name, _)| name)
        .collect();
    open.sort_unstable();
    assert_eq!(open, EVERYBODY);
}
