//! What the access log needs of a request whose session is gone.

use http::Method;
use pingora::proxy::Session;

/// The request line without the query, and the status.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) method: &'static str,
    pub(super) path: Box<str>,
    pub(super) status: u16,
}

impl Summary {
    pub(super) fn of(session: &Session, status: u16) -> Self {
        let header = session.req_header();
        Self {
            method: method(&header.method),
            path: header.uri.path().into(),
            status,
        }
    }
}

/// The label of a method: standard methods by name, all others as one, so that clients cannot invent label values.
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}
