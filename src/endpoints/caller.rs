//! The client that sent a request, as the proxy knows it.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use time::OffsetDateTime;

use super::problem::Problem;
use crate::accounts::Origin;

/// What the proxy knows about the client, in the extensions of the `http::Request` that it hands over.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client IP, as reported by trusted proxies.
    pub address: IpAddr,
    /// The request id, as in the access log.
    pub request_id: String,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// Whether the client connected with TLS.
    pub via_tls: bool,
    /// The time of the request: every decision about it uses this one instant.
    pub received_at: OffsetDateTime,
}

impl Caller {
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            address: Some(self.address),
            user_agent: self.user_agent.clone(),
            request_id: Some(self.request_id.clone()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a request reached the endpoints without its client");
            Problem::internal()
        })
    }
}
