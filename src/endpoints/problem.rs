//! Refusals as `application/problem+json` (RFC 9457) with a stable `code`.

mod code;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

pub use self::code::Code;
use crate::accounts::password::HashError;
use crate::accounts::{Failure, whole_seconds};
use crate::gate::denial::Denial;

/// A refusal.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u64>,
    challenge: Option<String>,
}

/// A refusal as it is sent (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    r#type: &'static str,
    /// A sentence for people; it may change.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// The stable word for programs.
    code: &'static str,
    /// What is wrong with which field, for `validation_failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// What is wrong with one field of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The field, as a path: `profile.name`.
    pub field: String,
    /// The stable word.
    pub code: &'static str,
    /// A sentence for the person who typed it.
    pub message: String,
}

impl Problem {
    /// A refusal of the table.
    pub const fn new(code: Code) -> Self {
        Self::from_parts(code.status(), code.word(), code.title())
    }

    const fn from_parts(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            errors: Vec::new(),
            retry_after_seconds: None,
            challenge: None,
        }
    }

    /// One field that is not accepted.
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

    /// Too many attempts.
    pub fn rate_limited(retry_after: std::time::Duration) -> Self {
        Self::new(Code::RateLimited).retry_after(whole_seconds(retry_after))
    }

    /// A defect of ours; the log has the cause.
    pub const fn internal() -> Self {
        Self::new(Code::Internal)
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }
}

impl From<Denial> for Problem {
    /// The words are the gate's: a client handles `token_expired` in one way, wherever it is told.
    fn from(denial: Denial) -> Self {
        Self {
            challenge: denial.challenge(),
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
        tracing::warn!(error = %failure, "an endpoint is out of service");
        let code = match failure {
            Failure::Hash(HashError::Overloaded) => Code::Overloaded,
            _ => Code::Unavailable,
        };
        Self::new(code).retry_after(1)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            errors: self.errors,
        };
        let text = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge.and_then(|challenge| challenge.parse().ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
