//! `GET /.well-known/jwks.json`: the keys that verify our tokens (RFC 7517).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::problem::Code;
use super::{Problem, Services};
use crate::accounts::JWKS_MAX_AGE;

/// Where verifiers look (RFC 8615).
pub const PATH: &str = "/.well-known/jwks.json";

/// From memory: it works while PostgreSQL is away. May be kept for less long than a key is published before it signs.
pub(super) async fn jwks(State(services): State<Arc<Services>>) -> Response {
    let Some(document) = services.accounts.keys.jwks() else {
        return Problem::new(Code::Unavailable).retry_after(1).into_response();
    };
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json".to_owned()),
        (CACHE_CONTROL, format!("public, max-age={}", JWKS_MAX_AGE.as_secs())),
    ];
    (headers, document.to_string()).into_response()
}
