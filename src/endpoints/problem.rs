//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.

mod code;
mod field;
mod name;
mod refusal_code;

use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

pub use self::code::Code;
pub use self::field::FIELD_CODES;
pub(super) use self::name::with_request_id;
pub use self::refusal_code::RefusalCode;
use crate::accounts::password::HashError;
use crate::accounts::{Failure, whole_seconds};
use crate::gate::denial::Denial;

/// The default challenge of a 401: RFC 9110 section 15.5.2 requires one in each.
const CHALLENGE: &str = r#"Bearer realm="sidegate""#;

/// A refusal by an endpoint.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    errors: Vec<FieldError>,
    oauth_error: Option<&'static str>,
    retry_after_seconds: Option<u32>,
    challenge: Option<Box<str>>,
    accepts: Option<&'static str>,
}

/// A problem as it is sent (RFC 9457). Refusals of the proxy have the same members.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// The `code` as a URI.
    r#type: String,
    /// A sentence for people; its wording may change.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code for programs.
    code: &'static str,
    /// The request id, as in the access log and in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The fields that are wrong, for `validation_failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// What was expected instead, for `unsupported_media_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// The error code of RFC 6749 section 5.2, from the endpoints for services.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'static str>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The path of the field, such as `profile.name`.
    pub field: String,
    /// The stable code.
    pub code: &'static str,
    /// A sentence for the user.
    pub message: String,
}

/// A row of the table of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// The sentence for users.
    pub title: &'static str,
}

/// Every refusal: those of the API, and those that only the gate makes.
pub fn all() -> Vec<Refusal> {
    let ours = Code::ALL.iter().map(|code| Refusal {
        status: code.status(),
        code: code.as_str(),
        title: code.title(),
    });
    let mut all: Vec<Refusal> = ours.collect();
    for denial in Denial::all() {
        let (status, code) = (denial.status(), denial.code());
        if !all.iter().any(|row| row.status == status && row.code == code) {
            let title = denial.title();
            all.push(Refusal { status, code, title });
        }
    }
    all
}

impl Problem {
    /// The problem for a row of the table.
    pub const fn new(code: Code) -> Self {
        Self::from_parts(code.status(), code.as_str(), code.title())
    }

    const fn from_parts(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            errors: Vec::new(),
            oauth_error: None,
            retry_after_seconds: None,
            challenge: None,
            accepts: None,
        }
    }

    /// An `unsupported_media_type`, with the type that the endpoint accepts.
    pub(super) const fn wrong_media_type(accepted: &'static str) -> Self {
        let mut problem = Self::new(Code::UnsupportedMediaType);
        problem.accepts = Some(accepted);
        problem
    }

    /// A `validation_failed` for one field, with a code of [`FIELD_CODES`].
    pub fn field(field: &str, code: &'static str, message: &impl ToString) -> Self {
        let error = FieldError {
            field: field.to_owned(),
            code,
            message: message.to_string(),
        };
        Self {
            errors: vec![error],
            ..Self::new(Code::ValidationFailed)
        }
    }

    /// A `rate_limited` with its `Retry-After`.
    pub fn rate_limited(retry_after: std::time::Duration) -> Self {
        Self::new(Code::RateLimited).retry_after(whole_seconds(retry_after))
    }

    /// A 500 for a defect of Sidegate; the log has the cause.
    pub const fn internal() -> Self {
        Self::new(Code::Internal)
    }

    /// The response of an endpoint that did not finish in time, with its code for the log.
    pub fn overdue(request_id: Option<&str>) -> Response {
        let code = Code::Unavailable;
        let mut response = Self::new(code).retry_after(1).respond(request_id);
        response.extensions_mut().insert(RefusalCode(code.as_str()));
        response
    }

    /// Adds a `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }

    /// Replaces the challenge of a 401.
    #[must_use]
    pub(super) fn challenge(self, challenge: &str) -> Self {
        Self {
            challenge: Some(challenge.into()),
            ..self
        }
    }

    /// Adds the `error` of RFC 6749 section 5.2, for OAuth clients.
    #[must_use]
    pub(super) fn oauth_error(self, word: &'static str) -> Self {
        Self {
            oauth_error: Some(word),
            ..self
        }
    }

    fn respond(self, request_id: Option<&str>) -> Response {
        let body = ProblemBody {
            r#type: uri(self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            request_id: request_id.map(str::to_owned),
            errors: self.errors,
            detail: self.accepts.map(expected_type),
            error: self.oauth_error,
        };
        let text = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(accepted) = self.accepts {
            // RFC 9110 section 15.5.16.
            headers.insert(ACCEPT, HeaderValue::from_static(accepted));
        }
        let challenge = self.challenge.and_then(|challenge| challenge.parse().ok());
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        } else if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response
    }
}

impl ProblemBody {
    /// An example of a refusal, for the OpenAPI document.
    pub(super) fn example(refusal: &Refusal) -> Self {
        let errors = (refusal.code == Code::ValidationFailed.as_str()).then(|| FieldError {
            field: "nmae".to_owned(),
            code: "unknown_field",
            message: "unknown field".to_owned(),
        });
        Self {
            r#type: uri(refusal.code),
            title: refusal.title,
            status: refusal.status.as_u16(),
            code: refusal.code,
            request_id: Some("01980f0e-7a5c-7000-8000-5f2b7c1d9e3a".to_owned()),
            errors: errors.into_iter().collect(),
            detail: (refusal.code == Code::UnsupportedMediaType.as_str()).then(|| expected_type("application/json")),
            error: [Code::InvalidClient, Code::InvalidRequest]
                .into_iter()
                .map(Code::as_str)
                .find(|code| *code == refusal.code),
        }
    }
}

fn expected_type(accepted: &str) -> String {
    format!("expected a body of the type {accepted}, in UTF-8 and not compressed")
}

/// The `type` of a problem. It does not have to be dereferenceable (RFC 9457 section 3.1.1), and there is one for each code.
fn uri(code: &str) -> String {
    format!("urn:sidegate:problem:{code}")
}

impl From<Denial> for Problem {
    /// Keeps the gate's codes, so that a client handles `token_expired` the same way for the API and for proxied requests.
    fn from(denial: Denial) -> Self {
        Self {
            challenge: denial.challenge().map(String::into_boxed_str),
            retry_after_seconds: denial.retry_after().map(whole_seconds),
            ..Self::from_parts(denial.status(), denial.code(), denial.title())
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        if !failure.is_temporary() {
            tracing::error!(error = %failure, "an endpoint failed");
            return Self::internal();
        }
        tracing::warn!(error = %failure, "an endpoint is unavailable");
        let code = match failure {
            Failure::Hash(HashError::Overloaded) => Code::Overloaded,
            _ => Code::Unavailable,
        };
        Self::new(code).retry_after(1)
    }
}

impl IntoResponse for Problem {
    /// The response keeps the problem as an extension, for [`with_request_id`].
    fn into_response(self) -> Response {
        let mut response = self.clone().respond(None);
        response.extensions_mut().insert(self);
        response
    }
}
