//! The `OpenAPI` 3.1 document, generated from the handlers: an endpoint without an annotation is not served.
//!
//! A handler's annotation has only what is specific to it:
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
//! The codes in backticks of a refusal are rows of the table of problems. [`operation`] turns them into bodies with
//! examples, and adds the refusals that every operation has: a malformed request, an invalid token, a body of the wrong
//! type. A code that is not in the table fails a test, and so does a row that no operation names.

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
            the applications behind it, and get a new one from `/refresh` before it expires. Bodies are JSON in UTF-8, at most 64 KiB, \
            without unknown fields. Times are RFC 3339, in UTC. Errors are `application/problem+json` (RFC 9457) \
            with a stable `code`; a 429 or 503 has a `Retry-After`. Responses must not be cached, except those \
            under `/.well-known`."
    ),
    components(schemas(ProblemBody)),
    modifiers(&Schemes),
    tags(
        (name = "account", description = "Registration, and your own account."),
        (name = "password", description = "Changing a password, and resetting a forgotten one."),
        (name = "email", description = "Verifying and changing the email address."),
        (name = "mfa", description = "Second factors."),
        (name = "sessions", description = "Signing in, staying signed in, signing out."),
        (name = "tokens", description = "Introspection and revocation, for services (RFC 7662, RFC 7009)."),
        (name = "admin", description = "For operators; each endpoint needs a permission."),
        (name = "discovery", description = "Server metadata, public keys, and this document."),
    )
)]
struct Document;

/// The security schemes: bearer token and client authentication.
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

/// The document without any endpoint.
pub(super) fn base() -> openapi::OpenApi {
    Document::openapi()
}

/// The complete document as JSON text.
#[derive(Clone)]
pub(super) struct Finished(Arc<str>);

impl Finished {
    pub(super) fn new(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

/// Get the OpenAPI document of this API
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "discovery",
    responses((status = 200, description = "The OpenAPI document.", body = Value, example = json!({"openapi": "3.1.0"})))
)]
pub(super) async fn show(Extension(Finished(text)): Extension<Finished>) -> Response {
    ([(CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// Adds to the handlers' annotations what all operations have in common.
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
        one_second_factor(schema);
    }
    // Closed lists: a client can rely on them, and a test against the live service finds a code that is in no table.
    let codes: Vec<&str> = problem::all().into_iter().map(|refusal| refusal.code).collect();
    schemas["Problem"]["properties"]["code"]["enum"] = json!(sorted(codes));
    let codes = FIELD_CODES.iter().map(|(code, _)| *code).collect();
    schemas["FieldError"]["properties"]["code"]["enum"] = json!(sorted(codes));
    document
}

/// Responses always have all members, also those that are `null`, so that a generated client does not have to handle absent ones.
/// Requests are recognized by `additionalProperties: false`.
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

/// The three fields of a second factor exclude each other. With a password, an account without a second factor sends none of them.
fn one_second_factor(schema: &mut Value) {
    const FACTORS: [&str; 3] = ["totp", "recovery_code", "email_code"];
    let members = &schema["properties"];
    if !FACTORS.iter().all(|name| members.get(name).is_some()) {
        return;
    }
    let with_password = members.get("password").is_some();
    let given = |names: &[&str]| {
        let text = |name: &&str| ((*name).to_owned(), json!({ "type": "string" }));
        json!({ "required": names, "properties": names.iter().map(text).collect::<Map<_, _>>() })
    };
    if with_password {
        let [totp, recovery_code, email_code] = FACTORS;
        let pairs = [[totp, recovery_code], [totp, email_code], [recovery_code, email_code]];
        schema["not"] = json!({ "anyOf": pairs.map(|pair| given(&pair)) });
    } else {
        schema["oneOf"] = json!(FACTORS.map(|name| given(&[name])));
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}
