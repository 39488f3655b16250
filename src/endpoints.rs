//! The `/auth` API: ordinary handlers behind one router, called in process by the proxy.
//!
//! A handler reads its body, asks one service, and turns the outcome into an answer; what is refused is a [`Problem`].
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

/// How large a request body may be.
pub const BODY_LIMIT: usize = 64 * 1024;

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

/// The router of everything under `auth.base_path`, and of the documents beside it.
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

/// The router and its description in one: an endpoint that is served is one that is described.
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

/// Tokens and profiles belong into no cache, also not a browser's.
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
            tracing::error!("a request reached the endpoints without its caller");
            Problem::internal()
        })
    }
}
