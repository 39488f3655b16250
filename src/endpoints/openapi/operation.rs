//! One operation, completed: its name, and every refusal it can answer with.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::examples;
use crate::endpoints::problem::{self, Refusal};
use crate::gate::denial::{Denial, TokenFault, Unreadable};

const PROBLEM_TYPE: &str = "application/problem+json";

/// Statuses and the words said with them.
type Words = BTreeMap<u16, BTreeSet<String>>;

/// Completes what a handler said of itself.
pub(super) fn complete(method: &str, path: &str, operation: &mut Value) {
    operation["operationId"] = name(method, path).into();
    let mut words = said(operation);
    for (status, word) in common(operation) {
        words.entry(status).or_default().insert(word);
    }
    for (status, words) in words {
        operation["responses"][status.to_string()] = refusal(status, &words);
    }
}

/// Unique, unlike the names of our functions, and the same whatever the base path is.
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

/// The words in backticks that the handler's refusals are described with.
pub(super) fn said(operation: &Value) -> Words {
    let mut words = Words::new();
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let Some(status) = status.parse().ok().filter(|status| *status >= 400) else {
            continue;
        };
        let description = response["description"].as_str().unwrap_or_default();
        let quoted = description.split('`').skip(1).step_by(2).map(str::to_owned);
        words.entry(status).or_default().extend(quoted);
    }
    words
}

/// What this operation may answer because of what all of its kind do.
fn common(operation: &Value) -> Vec<(u16, String)> {
    // Reading the request, and what is nobody's fault.
    let mut denials: Vec<Denial> = Unreadable::ALL.into_iter().map(Denial::from).collect();
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
    let codes = codes.iter().map(|code| (code.status(), code.word()));
    denials
        .chain(codes)
        .map(|(status, word)| (status.as_u16(), word.to_owned()))
        .collect()
}

fn refusal(status: u16, words: &BTreeSet<String>) -> Value {
    let all = problem::all();
    let known = |word: &String| {
        let found = all
            .iter()
            .find(|refusal| refusal.word == word && refusal.status.as_u16() == status);
        found.map(|refusal| (word.clone(), reference(refusal)))
    };
    let examples: Map<String, Value> = words.iter().filter_map(known).collect();
    let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let mut answer = json!({
        "description": listed.join(", "),
        "content": { PROBLEM_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples } },
    });
    let header = match status {
        401 => Some(("WWW-Authenticate", json!({ "type": "string" }))),
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
