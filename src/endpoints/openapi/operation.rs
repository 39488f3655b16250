//! Completes one operation: its id, and every refusal it can answer with.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::examples;
use crate::endpoints::problem::{self, Refusal};
use crate::gate::denial::{Denial, Malformed, TokenFault};

const PROBLEM_TYPE: &str = "application/problem+json";

/// The codes of an operation's refusals, by status.
type CodesByStatus = BTreeMap<u16, BTreeSet<String>>;

/// Adds id and refusals to the annotation of a handler.
pub(super) fn complete(method: &str, path: &str, operation: &mut Value) {
    operation["operationId"] = name(method, path).into();
    // Not by index, which would add an empty body to operations without one.
    let contents = operation.pointer_mut("/requestBody/content");
    for content in contents
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        optional_is_not_null(content);
    }
    let mut codes = named_codes(operation);
    for (status, code) in common(operation) {
        codes.entry(status).or_default().insert(code);
    }
    for (status, codes) in codes {
        operation["responses"][status.to_string()] = refusal(status, &codes);
    }
}

/// A body that may be absent is described as one that may be `null`, which is refused.
fn optional_is_not_null(content: &mut Value) {
    let Some(kinds) = content["schema"]["oneOf"].as_array() else {
        return;
    };
    let is_null = |kind: &&Value| kind["type"] == "null";
    if kinds.iter().any(|kind| is_null(&kind)) {
        let others = kinds.iter().filter(|kind| !is_null(kind)).cloned().collect::<Vec<_>>();
        content["schema"] = match others.as_slice() {
            [only] => only.clone(),
            _ => json!({ "oneOf": others }),
        };
    }
}

/// The `operationId`: unique, and independent of `auth.base_path`.
fn name(method: &str, path: &str) -> String {
    let mut name = method.to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        name.push('_');
        name.extend(segment.chars().filter_map(|c| match c {
            '{' | '}' => None,
            c if c.is_ascii_alphanumeric() => Some(c),
            _ => Some('_'),
        }));
    }
    name
}

/// The codes in backticks in the descriptions of a handler's refusals.
pub(super) fn named_codes(operation: &Value) -> CodesByStatus {
    let mut codes = CodesByStatus::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let Some(status) = status.parse().ok().filter(|status| *status >= 400) else {
            continue;
        };
        let description = response["description"].as_str().unwrap_or_default();
        let quoted = description.split('`').skip(1).step_by(2).map(str::to_owned);
        codes.entry(status).or_default().extend(quoted);
    }
    codes
}

/// The refusals that an operation shares with all others of its kind: with a body, with a token, with client authentication.
fn common(operation: &Value) -> Vec<(u16, String)> {
    // Every request can be malformed, and every operation can fail.
    let mut denials: Vec<Denial> = Malformed::ALL.into_iter().map(Denial::from).collect();
    denials.retain(|denial| denial.status() != StatusCode::METHOD_NOT_ALLOWED);
    denials.extend([Denial::BodyTooLarge, Denial::RequestTimeout, Denial::Internal]);
    let mut codes = vec![problem::Code::Unavailable];

    let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
    if security.iter().any(|way| way.get("bearer").is_some()) {
        denials.extend(TokenFault::ALL.map(Denial::from));
        denials.extend([
            Denial::CredentialsMalformed,
            Denial::CredentialsAmbiguous,
            Denial::Revoked,
            Denial::TokenOutdated,
            Denial::KeyRevoked,
            Denial::RevocationUnknown,
        ]);
        if !security.contains(&json!({})) {
            denials.push(Denial::CredentialsMissing);
        }
    }
    let body = &operation["requestBody"]["content"];
    if body.get("application/json").is_some() {
        codes.extend([
            problem::Code::JsonMalformed,
            problem::Code::UnsupportedMediaType,
            problem::Code::ValidationFailed,
        ]);
    }
    if body.get("application/x-www-form-urlencoded").is_some() {
        codes.extend([problem::Code::InvalidRequest, problem::Code::UnsupportedMediaType]);
    }
    if security.iter().any(|way| way.get("client").is_some()) {
        codes.extend([problem::Code::InvalidClient, problem::Code::RateLimited]);
    }
    let denials = denials.iter().map(|denial| (denial.status(), denial.code()));
    let codes = codes.iter().map(|code| (code.status(), code.as_str()));
    denials
        .chain(codes)
        .map(|(status, code)| (status.as_u16(), code.to_owned()))
        .collect()
}

fn refusal(status: u16, codes: &BTreeSet<String>) -> Value {
    let all = problem::all();
    let known = |code: &String| {
        let found = all
            .iter()
            .find(|refusal| refusal.code == code && refusal.status.as_u16() == status);
        found.map(|refusal| (code.clone(), reference(refusal)))
    };
    let examples: Map<String, Value> = codes.iter().filter_map(known).collect();
    let listed: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let mut answer = json!({
        "description": listed.join(", "),
        "content": { PROBLEM_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples } },
    });
    let header = match status {
        401 => Some(("WWW-Authenticate", json!({ "type": "string" }))),
        415 => Some(("Accept", json!({ "type": "string" }))),
        429 | 503 => Some(("Retry-After", json!({ "type": "integer", "minimum": 1 }))),
        _ => None,
    };
    if let Some((name, schema)) = header {
        answer["headers"] = json!({ name: { "required": true, "schema": schema } });
    }
    answer
}

fn reference(refusal: &Refusal) -> Value {
    json!({ "$ref": format!("#/components/examples/{}", examples::name(refusal)) })
}
