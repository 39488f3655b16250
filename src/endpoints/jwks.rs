//! `GET /.well-known/jwks.json`: the public keys of this issuer (RFC 7517).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::problem::Code;
use super::{Problem, Services};
use crate::accounts::JWKS_MAX_AGE;

/// Public keys (RFC 7517).
#[derive(utoipa::ToSchema)]
#[schema(example = json!({"keys": [{
    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "pV2nq2k1Tq0",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}]}))]
#[expect(dead_code, reason = "only its shape matters")]
struct Jwks {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<serde_json::Value>,
}

/// Get the public keys that verify access tokens (RFC 7517)
///
/// The response may be cached for as long as its `Cache-Control` says.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "discovery",
    responses((status = 200, description = "The keys.", body = Jwks, content_type = "application/jwk-set+json"))
)]
pub(super) async fn jwks(State(services): State<Arc<Services>>) -> Response {
    // From memory, so that it works while PostgreSQL is unreachable. The cache lifetime is shorter than the time for
    // which a key is published before it signs.
    let Some(document) = services.accounts.keys.jwks() else {
        return Problem::new(Code::Unavailable).retry_after(1).into_response();
    };
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json".to_owned()),
        (CACHE_CONTROL, format!("public, max-age={}", JWKS_MAX_AGE.as_secs())),
    ];
    (headers, document.to_string()).into_response()
}
