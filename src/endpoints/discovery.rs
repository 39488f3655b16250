//! Discovery: `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/change-password` (W3C).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};

use super::problem::Code;
use super::{Problem, Services};

/// The metadata changes only with the configuration, at a restart.
const FOR_AN_HOUR: &str = "public, max-age=3600";

/// Authorization server metadata (RFC 8414). Tokens are issued by this API's own endpoints, not by an OAuth grant.
#[derive(utoipa::ToSchema)]
#[schema(as = ServerMetadata, example = json!({
    "issuer": "https://gw.example.com",
    "jwks_uri": "https://gw.example.com/.well-known/jwks.json",
    "response_types_supported": [],
    "grant_types_supported": [],
    "introspection_endpoint": "https://gw.example.com/auth/introspect",
    "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "revocation_endpoint": "https://gw.example.com/auth/revoke",
    "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]
}))]
#[expect(dead_code, reason = "only its shape matters")]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    /// Empty: there is no authorization endpoint.
    response_types_supported: Vec<String>,
    /// Empty: there is no token endpoint.
    grant_types_supported: Vec<String>,
    /// Absent without `auth.clients`, like all members that follow.
    #[schema(required = false)]
    introspection_endpoint: String,
    #[schema(required = false)]
    introspection_endpoint_auth_methods_supported: Vec<String>,
    #[schema(required = false)]
    revocation_endpoint: String,
    #[schema(required = false)]
    revocation_endpoint_auth_methods_supported: Vec<String>,
}

/// Get the server metadata (RFC 8414)
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "discovery",
    responses((status = 200, description = "The metadata.", body = Metadata))
)]
pub(super) async fn metadata(State(services): State<Arc<Services>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, FOR_AN_HOUR)];
    (headers, document(&services).to_string()).into_response()
}

fn document(services: &Services) -> Value {
    let settings = &services.accounts.settings;
    let url = services.public_url.as_deref().unwrap_or(&settings.issuer);
    let url = url.trim_end_matches('/');
    let base = settings.base_path.trim_end_matches('/');
    let mut document = json!({
        "issuer": settings.issuer,
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        // Without these members OAuth's defaults would apply.
        "response_types_supported": [],
        "grant_types_supported": [],
    });
    if !settings.clients.is_empty() {
        let methods = json!(["client_secret_basic", "client_secret_post"]);
        for (name, path) in [("introspection", "introspect"), ("revocation", "revoke")] {
            document[format!("{name}_endpoint")] = format!("{url}{base}/{path}").into();
            document[format!("{name}_endpoint_auth_methods_supported")] = methods.clone();
        }
    }
    document
}

/// Redirect to the page where users change their password
///
/// Password managers open this URL (W3C change-password).
#[utoipa::path(
    get,
    path = "/.well-known/change-password",
    tag = "discovery",
    responses(
        (status = 302, description = "The page, `auth.change_password_url`.", headers(("Location" = String))),
        (status = 404, description = "`not_found`"),
    )
)]
pub(super) async fn change_password(State(services): State<Arc<Services>>) -> Response {
    match &services.accounts.settings.change_password_url {
        Some(url) => (
            StatusCode::FOUND,
            [(LOCATION, url.as_str()), (CACHE_CONTROL, FOR_AN_HOUR)],
        )
            .into_response(),
        None => Problem::new(Code::NotFound).into_response(),
    }
}
