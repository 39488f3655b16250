//! Documentation that lists parts of the program is compared with the program.

mod examples;
mod plain_english;
mod unused;

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sidegate::endpoints::problem::{Code, FIELD_CODES};
use sidegate::gate::denial::Denial;
use sidegate::mail::Message;
use sidegate::store::audit::Event;

use crate::support::TestSidecar;

/// Compares `file` with `expected`; with `SIDEGATE_BLESS=1` it is written instead.
fn same(file: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("SIDEGATE_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "{file} is out of date: run SIDEGATE_BLESS=1 cargo test --test it docs::"
    );
}

#[test]
fn the_list_of_messages_has_each_message_with_the_variables_of_its_template() {
    let page = include_str!("../../docs/email.md");
    let table = page
        .split("\n## ")
        .find(|section| section.starts_with("Messages"))
        .unwrap();
    let table = table.split("\n\n").find(|part| part.starts_with("| message")).unwrap();
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let words: Vec<_> = rows.iter().map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(words, Message::NAMES);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/templates");
    for (word, row) in words.iter().zip(rows) {
        let template = std::fs::read_to_string(folder.join(format!("{word}.txt"))).unwrap();
        for value in ["code", "link", "new_email", "device", "client_ip", "method"] {
            let listed = row.rsplit('|').nth(1).unwrap().contains(&format!("`{value}`"));
            assert_eq!(
                template.contains(&format!("{{{{ {value} }}}}")),
                listed,
                "{word}: {value}"
            );
        }
    }
}

#[test]
fn the_list_of_refusals_is_that_of_the_program() {
    let mut page = "# Error codes of the proxy\n\n\
        Every refusal of a proxied request has a stable `code`. It is the same in the response body, in the label `reason` of\n\
        `sidegate_auth_decisions_total`, and in the log line. For example:\n\n\
        \x20   HTTP/1.1 401 Unauthorized\n\
        \x20   Content-Type: application/problem+json\n\
        \x20   WWW-Authenticate: Bearer realm=\"sidegate\", error=\"invalid_token\"\n\n\
        \x20   {\"type\":\"urn:sidegate:problem:revoked\",\"title\":\"…\",\"status\":401,\"code\":\"revoked\",\"request_id\":\"…\"}\n\n\
        The column *challenge* is the `error` of `WWW-Authenticate` (RFC 6750, RFC 9470). 429 and 503 have a `Retry-After`. A browser that\n\
        navigates gets an HTML page, or a redirect to `auth.login_url` on routes with `unauthenticated: login`.\n\n\
        | code | status | challenge | title |\n|---|---|---|---|\n"
        .to_owned();
    for denial in Denial::all() {
        let challenge = denial.challenge().map_or_else(String::new, |challenge| {
            let error = challenge
                .split("error=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            format!("`{}`", error.unwrap_or("Bearer"))
        });
        writeln!(
            page,
            "| `{}` | {} | {challenge} | {} |",
            denial.code(),
            denial.status().as_u16(),
            denial.title()
        )
        .unwrap();
    }
    same("docs/refusals.md", &page);
}

#[test]
fn the_list_of_audit_events_is_that_of_the_program() {
    let mut page = "# Audit events\n\n\
        Every change of an account is recorded in the audit log, in the database transaction of the change. Read it with\n\n\
        \x20   sidegate audit --event login_failed --since 24h --follow\n\n\
        or with `GET /auth/admin/audit?event=login_failed`. The event names below are also the label `event` of\n\
        `sidegate_audit_events_total`. The list is closed: the database refuses any other event.\n\n\
        `token_refreshed` depends on `auth.audit.refreshes`. `changes` (the default) records a refresh from another network (an IPv4 address, or the\n\
        first 64 bits of an IPv6 address) or with another user agent than at the session's last refresh; `all` records each; `none` records none.\n\
        Every session counts its refreshes, and a refresh whose response was lost is always recorded (`refresh_response_lost`).\n\n\
        | event | recorded when |\n|---|---|\n"
        .to_owned();
    for event in Event::ALL {
        writeln!(page, "| `{}` | {} |", event.as_str(), event.description()).unwrap();
    }
    page.push_str(
        "\n## An entry\n\n\
        | field | meaning |\n|---|---|\n\
        | `at`, `event`, `outcome` | the time, the event, and `success` or `failure` |\n\
        | `actor_id` | the account that did it; empty for a client that was not signed in, and for the command line |\n\
        | `user_id` | the account that the entry is about |\n\
        | `session_id`, `client_ip`, `user_agent` | session, client IP and user agent of the request |\n\
        | `request_id` | the request, as in the access log |\n\
        | `data` | details, depending on the event |\n\n\
        An entry never contains a password, a token, a code, a hash, or values of a profile.\n",
    );
    same("docs/audit.md", &page);
}

#[test]
fn the_list_of_problems_is_that_of_the_program() {
    let mut page = "# Error codes of the API\n\n\
        Errors of the endpoints under `/auth` are problem details (RFC 9457) with a stable `code`:\n\n\
        \x20   {\"type\":\"urn:sidegate:problem:email_taken\",\"title\":\"…\",\"status\":409,\"code\":\"email_taken\",\"request_id\":\"…\"}\n\n\
        The table has the codes that are not among [those of the proxy](refusals.md), which the endpoints use for malformed requests and\n\
        for access tokens. `/auth/openapi.json` says which endpoint answers with which codes. A code can have two statuses.\n\n\
        | code | status | title |\n|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        writeln!(page, "| `{}` | {status} | {} |", code.as_str(), code.title()).unwrap();
    }
    page.push_str(
        "\nThe endpoints for services (`/auth/introspect`, `/auth/revoke`) add the member `error` of RFC 6749 section 5.2,\n\
        `invalid_client` or `invalid_request`, for OAuth clients.\n\n\
        ## Fields\n\n\
        With `validation_failed` (422) the member `errors` lists what is wrong:\n\n\
        \x20   \"errors\": [{\"field\":\"profile.name\",\"code\":\"control_character\",\"message\":\"…\"}]\n\n\
        | code | meaning |\n|---|---|\n",
    );
    for (code, meaning) in FIELD_CODES {
        writeln!(page, "| `{code}` | {meaning} |").unwrap();
    }
    same("docs/problems.md", &page);
}

#[test]
fn every_metric_that_the_documentation_names_exists() {
    let metrics = sidegate::metrics::Metrics::new();
    let known = metrics.all_names();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut named = 0;
    for file in docs.chain(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name))) {
        let text = std::fs::read_to_string(&file).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let is_metric = word.starts_with("sidegate_") && (word.ends_with("_total") || word.ends_with("_seconds"));
            assert!(
                !is_metric || known.contains(&word),
                "{} names {word}, which does not exist",
                file.display()
            );
            named += usize::from(is_metric);
        }
    }
    assert!(named > 10, "only {named} metrics were found");
}

/// The endpoints by topic, from the `OpenAPI` document that an issuer serves.
#[tokio::test]
async fn the_list_of_endpoints_is_that_of_the_program() {
    let sidecar = TestSidecar::new().start().await;
    let document = sidecar.get("/auth/openapi.json").send().await.json();
    let mut page = "# The API under `/auth`\n\n\
        Accounts, sessions and tokens, JSON in and out. Sign in, and call the API and the application with the access token:\n\n\
        ```sh\n\
        curl -s https://wiki.example.com/auth/login -H 'Content-Type: application/json' \\\n\
        \x20   -d '{\"email\":\"alice@example.com\",\"password\":\"…\"}'      # {\"access_token\":\"…\",\"refresh_token\":\"…\",\"expires_in\":600,…}\n\
        curl -s https://wiki.example.com/auth/me -H \"Authorization: Bearer $ACCESS_TOKEN\"\n\
        ```\n\n\
        `GET /auth/openapi.json` has the bodies, examples and error codes of each endpoint. This page lists the endpoints for the default\n\
        `auth.base_path`. [Error codes](problems.md), [retrying a request](retries.md), [email](email.md).\n"
        .to_owned();
    for tag in document["tags"].as_array().unwrap() {
        let name = tag["name"].as_str().unwrap();
        let description = tag["description"].as_str().unwrap();
        write!(
            page,
            "\n## {name}\n\n{description}\n\n| endpoint | what it does | requires |\n|---|---|---|\n"
        )
        .unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation["tags"][0] == name {
                    let (method, summary) = (method.to_uppercase(), operation["summary"].as_str().unwrap());
                    writeln!(page, "| `{method} {path}` | {summary} | {} |", requirement(operation)).unwrap();
                }
            }
        }
    }
    page.push_str(
        "\n## Permissions of operators\n\n\
        The endpoints under `/auth/admin` require a permission in the caller's access token. `sidegate:admin` includes all others:\n\n\
        \x20   sidegate user grant alice@example.com --permission sidegate:admin\n\n\
        A change of an account applies to access tokens that were issued before: they are refused as `token_outdated` or `revoked`, and\n\
        after a refresh the new token has the new permissions. An operator without `sidegate:admin` can neither add nor remove permissions\n\
        that begin with `sidegate:`, nor change an account that has such permissions which the operator lacks.\n",
    );
    same("docs/api.md", &page);
}

/// The credentials that an operation requires: a permission, an access token, client credentials, or nothing.
fn requirement(operation: &Value) -> String {
    // The sentence can be wrapped anywhere in the doc comment.
    let description = operation["description"].as_str().unwrap_or_default().replace('\n', " ");
    if let Some((_, permission)) = description.split_once("Needs `") {
        return format!("`{}`", permission.split('`').next().unwrap());
    }
    let schemes = operation["security"].as_array().cloned().unwrap_or_default();
    let has = |scheme: &str| schemes.iter().any(|requirement| requirement.get(scheme).is_some());
    let optional = schemes
        .iter()
        .any(|requirement| requirement.as_object().is_some_and(serde_json::Map::is_empty));
    match (has("bearer"), has("client"), optional) {
        (true, _, false) => "access token".to_owned(),
        (true, _, true) => "nothing, or an access token".to_owned(),
        (false, true, _) => "client authentication (`auth.clients`)".to_owned(),
        (false, false, _) => "nothing".to_owned(),
    }
}
