//! The response that does not reveal whether an account exists.

use axum::Json;
use http::StatusCode;
use serde::Serialize;

/// The request was accepted. The response is the same whether there is something to do in the background or not.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "accepted"}))]
pub(super) struct Accepted {
    /// Always `accepted`.
    status: &'static str,
}

/// 202 Accepted.
pub(super) const fn accepted() -> (StatusCode, Json<Accepted>) {
    (StatusCode::ACCEPTED, Json(Accepted { status: "accepted" }))
}
