//! The `/auth` API: ordinary handlers behind one router, called in process by the proxy.
//!
//! A handler reads its body, calls one service, and turns the outcome into a response; an error is a [`Problem`].
//! Nothing here knows the proxy or a store.

mod accepted;
mod admin;
mod body;
mod claims;
mod client;
mod device_cookie;
mod discovery;
mod email;
mod form;
mod introspect;
mod jwks;
mod login;
mod logout;
mod me;
mod mfa;
mod openapi;
mod password;
pub mod problem;
mod refresh;
mod register;
mod revoke;
mod sessions;
mod signed_in;
mod whoami;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::{Extension, Router};
use futures::future::BoxFuture;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use crate::accounts::settings::is_own_path;
pub use problem::Problem;

use crate::accounts::{Accounts, Origin};
use crate::gate::activity::Activity;
use crate::gate::denial::Denial;

/// The largest request body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

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

/// The router of everything under `auth.base_path`, and of the `/.well-known` documents.
pub fn router(services: Arc<Services>) -> Router {
    let (router, described) = documented(&services.accounts.settings.base_path).split_for_parts();
    let document = openapi::complete(&described, services.public_url.as_deref());
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(problem::with_request_id))
        .layer(Extension(openapi::Finished::new(&document)))
        .with_state(services)
}

/// Router and OpenAPI document in one, so that every endpoint that is served is described.
fn documented(base_path: &str) -> OpenApiRouter<Arc<Services>> {
    let base = base_path.trim_end_matches('/');
    let api = OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(mfa::login::login))
        .routes(routes!(mfa::login::mail_login_code))
        .routes(routes!(mfa::status::status))
        .routes(routes!(mfa::totp::enrol, mfa::totp::remove))
        .routes(routes!(mfa::totp::confirm))
        .routes(routes!(mfa::totp::renew_recovery_codes))
        .routes(routes!(
            mfa::email::mail_code,
            mfa::email::enable_email,
            mfa::email::disable_email
        ))
        .routes(routes!(mfa::verify::verify))
        .routes(routes!(register::register))
        .routes(routes!(password::change))
        .routes(routes!(password::forgot))
        .routes(routes!(password::reset))
        .routes(routes!(email::verify))
        .routes(routes!(email::resend))
        .routes(routes!(email::change))
        .routes(routes!(email::confirm))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(me::show, me::change, me::delete))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(introspect::introspect))
        .routes(routes!(revoke::revoke))
        .routes(routes!(whoami::whoami))
        .routes(routes!(openapi::show))
        .nest("/admin", admin::routes())
        .layer(map_response(no_store));
    let public = OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(jwks::jwks))
        .routes(routes!(discovery::metadata))
        .routes(routes!(discovery::change_password));
    if base.is_empty() {
        public.merge(api)
    } else {
        public.nest(base, api)
    }
}

async fn not_found() -> Problem {
    Problem::new(problem::Code::NotFound)
}

async fn method_not_allowed() -> Problem {
    Problem::new(problem::Code::MethodNotAllowed)
}

/// Forbids every cache, a browser's included, to store tokens and profiles.
async fn no_store(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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
