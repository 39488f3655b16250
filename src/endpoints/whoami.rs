//! `GET /auth/whoami`: how a request looks from here. The first thing to ask when "it says I am not signed in".

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Serialize;
use serde_json::Value;

use super::{Caller, Problem, Services};

/// A request as it looks from here.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "address": "192.0.2.7", "via_tls": true, "request_id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a",
    "claims": {"iss": "https://gw.example.com", "sub": "01980f0e-7a5c-7000-8000-000000000001", "preferred_username": "alice"}
}))]
pub(super) struct WhoAmI {
    /// The client's address, trusted proxies seen through.
    #[schema(value_type = String)]
    address: IpAddr,
    /// Whether the client came by TLS.
    via_tls: bool,
    /// As in the access log.
    request_id: String,
    /// With a token: its claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    claims: Option<Value>,
}

/// See how a request looks from here
///
/// The first thing to ask when "it says I am not signed in".
#[utoipa::path(
    get,
    path = "/whoami",
    tag = "discovery",
    security((), ("bearer" = [])),
    responses((status = 200, description = "The request.", body = WhoAmI))
)]
pub(super) async fn whoami(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<WhoAmI>, Problem> {
    let claims = if headers.contains_key(AUTHORIZATION) {
        (services.authenticate)(headers.clone(), caller.received_at).await?;
        claims(&headers)
    } else {
        None
    };
    Ok(Json(WhoAmI {
        address: caller.address,
        via_tls: caller.via_tls,
        request_id: caller.request_id,
        claims,
    }))
}

/// The claims of a token that has just been verified.
fn claims(headers: &HeaderMap) -> Option<Value> {
    let token = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_ascii_whitespace()
        .nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}
