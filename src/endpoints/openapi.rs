//! The description of the API (`OpenAPI` 3.1), made from the handlers: what is not annotated is not served.
//!
//! A handler says what is its own, and no more:
//!
//! ```text
//! #[utoipa::path(
//!     post, path = "/sessions/{id}/rename", tag = "sessions", security(("bearer" = [])),
//!     request_body(content = Rename, example = json!({"name": "phone"})),
//!     responses(
//!         (status = 200, description = "Renamed.", body = Session),
//!         (status = 404, description = "`session_not_found`"),
//!         (status = 409, description = "`name_taken`, `name_too_long`"),
//!     )
//! )]
//! ```
//!
//! The words in backticks of a refusal are rows of the table of problems. [`operation`] turns them into bodies with
//! examples, and adds what holds for every operation: how a request is read, what the gate says of a token, what a body
//! must be. A word that is not in the table fails a test, and so does a row that no operation says.

mod examples;
mod operation;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::problem::{self, FIELD_CODES, ProblemBody};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sidegate",
        description = "Accounts, sessions and tokens.\n\nSend the `access_token` that `/login` answers as `Authorization: Bearer …`, to this API and to \
            the applications behind it, and get the next from `/refresh` before it expires. Bodies are JSON in UTF-8, at most 64 KiB, \
            without fields that are not described. Instants are RFC 3339, in UTC. Refusals are `application/problem+json` (RFC 9457) \
            with a stable `code`; a 429 or 503 says in `Retry-After` when to try again. Answers are not to be kept, apart from those \
            under `/.well-known`."
    ),
    components(schemas(ProblemBody)),
    modifiers(&Schemes),
    tags(
        (name = "account", description = "One's own account."),
        (name = "password", description = "Changing and replacing passwords."),
        (name = "email", description = "Confirming and changing addresses."),
        (name = "mfa", description = "Second factors."),
        (name = "sessions", description = "Signing in, staying signed in, signing out."),
        (name = "tokens", description = "For services that were given a token (RFC 7662, RFC 7009)."),
        (name = "admin", description = "For operators, with a permission."),
        (name = "discovery", description = "What this server is and how its tokens are verified."),
    )
)]
struct Document;

/// How a caller proves who they are.
struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token."));
        let client = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The id and the secret of one of `auth.clients`."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        components.add_security_scheme("client", SecurityScheme::Http(client));
    }
}

/// What the description says before any endpoint.
pub(super) fn base() -> openapi::OpenApi {
    Document::openapi()
}

/// The finished document, ready to be sent.
#[derive(Clone)]
pub(super) struct Finished(Arc<str>);

impl Finished {
    pub(super) fn new(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

/// Get this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "discovery",
    responses((status = 200, description = "The description.", body = Value, example = json!({"openapi": "3.1.0"})))
)]
pub(super) async fn show(Extension(Finished(text)): Extension<Finished>) -> Response {
    ([(CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// Adds what holds everywhere to what the handlers said of themselves.
pub(super) fn complete(described: &openapi::OpenApi, public_url: Option<&str>) -> Value {
    let mut document = serde_json::to_value(described).expect("a description is JSON");
    if let Some(url) = public_url {
        document["servers"] = json!([{ "url": url.trim_end_matches('/') }]);
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            operation::complete(method, path, operation);
        }
    }
    document["components"]["examples"] = Value::Object(examples::all());
    let schemas = &mut document["components"]["schemas"];
    for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
        require_nullable(schema);
    }
    // Closed lists: a client may branch on them, and a test against the live service finds a word that is in no table.
    let words: Vec<&str> = problem::all().into_iter().map(|refusal| refusal.word).collect();
    schemas["Problem"]["properties"]["code"]["enum"] = json!(sorted(words));
    let words = FIELD_CODES.iter().map(|(word, _)| *word).collect();
    schemas["FieldError"]["properties"]["code"]["enum"] = json!(sorted(words));
    document
}

/// An answer has all its members, also those that are `null`: a client that is generated should not ask for both. Requests
/// are told from answers by taking no unknown fields.
fn require_nullable(schema: &mut Value) {
    if schema["additionalProperties"] == false {
        return;
    }
    let members = schema["properties"].as_object().into_iter().flatten();
    let nullable = |member: &Value| {
        member["type"]
            .as_array()
            .is_some_and(|types| types.contains(&"null".into()))
    };
    let nullable: Vec<Value> = members
        .filter(|(_, member)| nullable(member))
        .map(|(name, _)| name.as_str().into())
        .collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.extend(nullable);
    }
}

fn sorted(mut words: Vec<&str>) -> Vec<&str> {
    words.sort_unstable();
    words.dedup();
    words
}
