//! The answer that is the same for everybody: something may happen, and who asks is not told what.

use axum::Json;
use http::StatusCode;
use serde::Serialize;

/// What was asked for happens in the background, or not: the answer is the same.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "accepted"}))]
pub(super) struct Accepted {
    /// Always `accepted`.
    status: &'static str,
}

/// 202.
pub(super) const fn accepted() -> (StatusCode, Json<Accepted>) {
    (StatusCode::ACCEPTED, Json(Accepted { status: "accepted" }))
}
