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

#[derive(Serialize)]
pub(super) struct WhoAmI {
    address: IpAddr,
    via_tls: bool,
    request_id: String,
    /// With a token: its claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Value>,
}

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
