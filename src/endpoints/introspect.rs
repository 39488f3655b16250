//! `POST /auth/introspect` (RFC 7662)

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::form::Form;
use super::{Caller, Identified, Problem, Services, claims, client};
use crate::secret::Secret;

/// The token to introspect.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape matters")]
pub(super) struct Presented {
    #[schema(min_length = 1)]
    token: String,
    /// `access_token` or `refresh_token`; not needed, because the two have different formats.
    #[schema(required = false)]
    token_type_hint: String,
    /// The client id, for clients that cannot use HTTP Basic (`client_secret_post`).
    #[schema(required = false)]
    client_id: String,
    #[schema(required = false)]
    client_secret: String,
}

/// The claims of an active token; for any other only that it is not active.
#[derive(utoipa::ToSchema)]
#[schema(example = json!({
    "active": true, "token_type": "Bearer", "iss": "https://gw.example.com", "sub": "01980f0e-7a5c-7000-8000-000000000001",
    "aud": ["billing"], "exp": 1_795_550_400, "iat": 1_795_549_800, "nbf": 1_795_549_800,
    "jti": "3f1c2b54-6a43-4f53-9f8e-2d5f6f0f3a10", "sid": "6f0d1c1e-7f6b-4b0e-9a52-0d6f0b1f8a11", "username": "alice",
    "email": "alice@example.com", "email_verified": true, "roles": ["staff"], "permissions": []
}))]
#[expect(dead_code, reason = "only its shape matters")]
pub(super) struct Introspection {
    /// Whether the token is valid now. If not, this is the only member.
    active: bool,
    /// `Bearer` for an access token, `refresh_token` for a refresh token, which no other server accepts.
    #[schema(required = false)]
    token_type: String,
    #[schema(required = false)]
    iss: String,
    #[schema(required = false)]
    sub: String,
    #[schema(required = false)]
    aud: Vec<String>,
    #[schema(required = false)]
    exp: i64,
    #[schema(required = false)]
    iat: i64,
    #[schema(required = false)]
    nbf: i64,
    #[schema(required = false)]
    jti: String,
    /// The session's id.
    #[schema(required = false)]
    sid: String,
    /// The username, or else the email address.
    #[schema(required = false)]
    username: String,
    #[schema(required = false)]
    roles: Vec<String>,
    #[schema(required = false)]
    permissions: Vec<String>,
}

/// Introspect a token (RFC 7662)
///
/// For services that do not verify tokens themselves, and for services that have to know about revocations. An access token is
/// verified as on a proxied request, and the response contains its other claims too. A token that is unknown, expired, revoked,
/// used up or of another issuer is not active.
#[utoipa::path(
    post,
    path = "/introspect",
    tag = "tokens",
    security(("client" = [])),
    request_body(
        content = Presented,
        content_type = "application/x-www-form-urlencoded",
        example = json!({"token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.e30.c2ln", "token_type_hint": "access_token"})
    ),
    responses(
        (status = 200, description = "The claims of the token, or `active: false`.", body = Introspection),
        (status = 503, description = "`revocation_unknown`"),
    )
)]
pub(super) async fn introspect(
    State(services): State<Arc<Services>>,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
) -> Result<Json<Value>, Problem> {
    client::authenticate(&services, &caller, &headers, &form).await?;
    let token = form.required("token")?;
    let said = match access(&services, token, caller.received_at).await? {
        Some((_, claims)) => Some(of_access(claims)),
        None => of_refresh(&services, token, caller.received_at).await?,
    };
    Ok(Json(said.map_or_else(|| json!({ "active": false }), Value::Object)))
}

/// Verifies an access token of this issuer as the gate does; its claims, or `None` if it is not active.
///
/// # Errors
/// When the revocation view is stale: answering "not active" would sign users out.
pub(super) async fn access(
    services: &Services,
    token: &str,
    now: OffsetDateTime,
) -> Result<Option<(Identified, Map<String, Value>)>, Problem> {
    let Some(headers) = bearer(token) else { return Ok(None) };
    match (services.authenticate)(headers, now).await {
        Ok(identified) if identified.issuer == services.accounts.settings.issuer => {
            Ok(claims::of(token).map(|claims| (identified, claims)))
        }
        Err(denial) if denial.status() == StatusCode::SERVICE_UNAVAILABLE => Err(denial.into()),
        // A token of another issuer can be introspected there.
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The headers in which the gate expects a token.
pub(super) fn bearer(token: &str) -> Option<HeaderMap> {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    Some(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn of_access(mut claims: Map<String, Value>) -> Map<String, Value> {
    let name = claims
        .get("preferred_username")
        .or_else(|| claims.get("email"))
        .cloned();
    if let Some(name) = name {
        claims.insert("username".to_owned(), name);
    }
    claims.insert("active".to_owned(), true.into());
    claims.insert("token_type".to_owned(), "Bearer".into());
    claims
}

/// The response for a refresh token. Its audience is this server, so that a service that accepts every active token does not
/// accept it as an access token.
async fn of_refresh(
    services: &Services,
    token: &str,
    now: OffsetDateTime,
) -> Result<Option<Map<String, Value>>, Problem> {
    let Some((live, found)) = services
        .accounts
        .token_clients
        .find_refresh_token(&Secret::new(token), now)
        .await?
    else {
        return Ok(None);
    };
    let issuer = &services.accounts.settings.issuer;
    let said: [(&str, Value); 9] = [
        ("active", true.into()),
        ("token_type", "refresh_token".into()),
        ("iss", issuer.as_str().into()),
        ("aud", json!([issuer])),
        ("sub", found.user.id.to_string().into()),
        ("sid", found.chain.session_id.to_string().into()),
        ("iat", live.created_at.unix_timestamp().into()),
        ("exp", live.expires_at.unix_timestamp().into()),
        ("username", found.user.username.unwrap_or(found.user.email).into()),
    ];
    Ok(Some(
        said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    ))
}
