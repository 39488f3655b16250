//! Who sends a request, as the proxy found it.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use time::OffsetDateTime;

use super::problem::Problem;
use crate::accounts::Origin;

/// What the proxy knows of a request, in the extensions of the `http::Request` it hands over.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's address, trusted proxies seen through.
    pub address: IpAddr,
    /// The request's id, as in the access log.
    pub request_id: String,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Whether the client came by TLS.
    pub via_tls: bool,
    /// The instant at which the whole request is judged.
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
            tracing::error!("a request reached the endpoints without its caller");
            Problem::internal()
        })
    }
}
