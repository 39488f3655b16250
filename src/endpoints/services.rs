//! What the handlers work with.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::HeaderMap;
use time::OffsetDateTime;

use crate::accounts::Accounts;
use crate::gate::activity::Activity;
use crate::gate::denial::Denial;

/// Whose token it is, as the gate found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `sid`.
    pub session: Option<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// `jti`.
    pub token_id: Option<String>,
}

/// The gate's judgement of the bearer token among these headers.
pub type Authenticate =
    Arc<dyn Fn(HeaderMap, OffsetDateTime) -> BoxFuture<'static, Result<Identified, Denial>> + Send + Sync>;

/// What the handlers work with.
pub struct Services {
    /// The services.
    pub accounts: Arc<Accounts>,
    /// Notes who is active.
    pub activity: Activity,
    /// The gate's full check: signature, issuer, times, revocation.
    pub authenticate: Authenticate,
    /// The same without times and revocation: enough to sign out, and for nothing else.
    pub identify: Authenticate,
    /// How clients reach us, if the configuration says so.
    pub public_url: Option<String>,
}
