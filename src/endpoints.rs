//! The `/auth` API: ordinary handlers behind one router, called in process by the proxy.
//!
//! A handler reads its body, calls one service, and turns the outcome into a response; an error is a [`Problem`].
//! Nothing here knows the proxy or a store.

mod accepted;
mod activity;
mod admin;
mod body;
mod caller;
mod claims;
mod client;
mod device_cookie;
mod discovery;
mod email;
mod filter;
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
mod services;
mod sessions;
mod signed_in;
mod whoami;

use std::sync::Arc;

use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::{Extension, Router};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use body::BODY_LIMIT;
pub use caller::Caller;
pub use problem::{Problem, RefusalCode};
pub use services::{Authenticate, Identified, Services};

pub use crate::accounts::settings::is_own_path;

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
        .routes(routes!(activity::list))
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
