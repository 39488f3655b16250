//! The OpenAPI document compared with the API.

use std::collections::HashSet;

use serde_json::{Value, json};
use sidegate::endpoints::problem::Code;
use sidegate::gate::denial::Denial;

use crate::support::TestSidecar;

/// Every operation: method, path, and description.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    all
}

#[tokio::test]
async fn every_described_operation_is_served_and_needs_a_token_only_if_it_says_so() {
    let sidecar = TestSidecar::new()
        .config("auth: { change_password_url: /account/password }")
        .start()
        .await;
    let document = sidecar.get("/auth/openapi.json").send().await;
    assert_eq!(document.header("content-type"), Some("application/json"));
    let document = document.json();
    assert_eq!(
        document["servers"][0]["url"],
        format!("http://127.0.0.1:{}", sidecar.port())
    );
    let operations = operations(&document);
    assert!(operations.len() >= 10, "{}", operations.len());
    for (method, path, operation) in operations {
        let path = path.replace(['{', '}'], "");
        let answer = sidecar.request(&method, &path).send().await;
        let status = answer.status();
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(code != "not_found" && status != 405, "{method} {path}: {status} {code}");
        assert!(
            operation["responses"].get(status.to_string()).is_some(),
            "{method} {path}: {status}"
        );
        if code == "credentials_missing" {
            let says_so = operation["security"].to_string().contains("bearer");
            assert!(says_so, "{method} {path} does not say that it needs a token");
        }
    }
}

#[tokio::test]
async fn the_document_knows_every_problem_there_is() {
    let sidecar = TestSidecar::new().start().await;
    let document = sidecar.get("/auth/openapi.json").send().await.json();
    let words = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
    let words: HashSet<&str> = words.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for word in Code::ALL
        .iter()
        .map(|code| code.as_str())
        .chain(Denial::all().iter().map(Denial::code))
    {
        assert!(words.contains(word), "{word}");
    }
}

#[tokio::test]
async fn a_problem_has_one_shape_whether_the_gate_or_an_endpoint_says_it() {
    let sidecar = TestSidecar::new().start().await;
    let from_the_gate = sidecar.get("/app").send().await;
    let from_an_extractor = sidecar.get("/auth/me").send().await;
    let from_a_handler = sidecar
        .post("/auth/refresh")
        .json(&json!({"refresh_token": "sgr_"}))
        .send()
        .await;
    let from_the_router = sidecar.get("/auth/nothing").send().await;
    for (answer, code) in [
        (&from_the_gate, "credentials_missing"),
        (&from_an_extractor, "credentials_missing"),
        (&from_a_handler, "refresh_unknown"),
        (&from_the_router, "not_found"),
    ] {
        assert_eq!(answer.code(), code);
        let body = answer.json();
        assert_eq!(body["type"], format!("urn:sidegate:problem:{code}"));
        assert_eq!(body["status"], answer.status());
        assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
        let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["code", "request_id", "status", "title", "type"]);
        if answer.status() == 401 {
            assert!(answer.header("www-authenticate").is_some(), "{code}");
        }
    }
}

#[tokio::test]
async fn a_405_of_an_endpoint_lists_its_methods() {
    let sidecar = TestSidecar::new().start().await;
    let answer = sidecar.request("PUT", "/auth/me").send().await;
    assert_eq!((answer.status(), answer.code().as_str()), (405, "method_not_allowed"));
    let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
}
