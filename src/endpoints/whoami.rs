//! `GET /auth/whoami`: the client IP and the claims as Sidegate sees them, to debug proxies and tokens.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Caller, Problem, Services, claims};

/// The request as Sidegate sees it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "client_ip": "192.0.2.7", "via_tls": true, "request_id": "01980f0e-7a5c-7000-8000-5f2b7c1d9e3a",
    "claims": {"iss": "https://gw.example.com", "sub": "01980f0e-7a5c-7000-8000-000000000001", "preferred_username": "alice"}
}))]
pub(super) struct WhoAmI {
    /// The client IP, as reported by trusted proxies.
    #[schema(value_type = String)]
    client_ip: IpAddr,
    /// Whether the client connected with TLS.
    via_tls: bool,
    /// The request id, as in the access log.
    request_id: String,
    /// The claims of the access token; `null` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    claims: Option<Map<String, Value>>,
}

/// Show the request as Sidegate sees it
///
/// The client IP behind proxies, and the claims of the access token: the first thing to call when a sign-in does not work.
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
        headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_ascii_whitespace().nth(1))
            .and_then(claims::of)
    } else {
        None
    };
    Ok(Json(WhoAmI {
        client_ip: caller.address,
        via_tls: caller.via_tls,
        request_id: caller.request_id,
        claims,
    }))
}
