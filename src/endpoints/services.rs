//! The services that the handlers use.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::HeaderMap;
use time::OffsetDateTime;

use crate::accounts::Accounts;
use crate::gate::activity::Activity;
use crate::gate::denial::Denial;

/// The verified claims of a token, as far as the handlers need them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The claim `iss`: the issuer of the token.
    pub issuer: String,
    /// The claim `sub`: the account's id, unique for one issuer.
    pub subject: String,
    /// The claim `sid`: the session's id.
    pub session: Option<String>,
    /// The claim `permissions`.
    pub permissions: Vec<String>,
    /// The claim `jti`: the token's id, by which it can be revoked.
    pub token_id: Option<String>,
}

/// A function of the gate that verifies the bearer token in these headers.
pub type Authenticate =
    Arc<dyn Fn(HeaderMap, OffsetDateTime) -> BoxFuture<'static, Result<Identified, Denial>> + Send + Sync>;

/// The services that handlers use.
pub struct Services {
    /// Accounts, sessions and passwords.
    pub accounts: Arc<Accounts>,
    /// Records activity events, for presence and "last seen".
    pub activity: Activity,
    /// The gate's full verification: signature, issuer, expiry, revocation.
    pub authenticate: Authenticate,
    /// The same without expiry and revocation: enough to sign out, and for nothing else.
    pub identify: Authenticate,
    /// `server.public_url`, if it is configured.
    pub public_url: Option<String>,
}
