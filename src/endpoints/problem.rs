//! Refusals as `application/problem+json` (RFC 9457) with a stable `code`.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

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

/// What is wrong with one field of the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, as a path: `profile.name`.
    pub field: String,
    /// The stable word.
    pub code: &'static str,
    /// A sentence for the person who typed it.
    pub message: String,
}

impl Problem {
    /// A refusal by its status, its stable word, and a sentence that holds nothing the caller sent.
    pub const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
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
        let title = "The request has fields that are not accepted.";
        let error = FieldError {
            field: field.to_owned(),
            code,
            message: message.to_string(),
        };
        Self {
            errors: vec![error],
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", title)
        }
    }

    /// Too many attempts.
    pub fn rate_limited(retry_after: std::time::Duration) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many attempts; try again later.",
        )
        .retry_after(whole_seconds(retry_after))
    }

    /// A defect of ours; the log has the cause.
    pub const fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side.",
        )
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
            ..Self::new(denial.status(), denial.code(), denial.title())
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
        let (code, title) = match failure {
            Failure::Hash(HashError::Overloaded) => {
                ("overloaded", "Too many people are signing in; try again in a moment.")
            }
            _ => ("unavailable", "Accounts are out of service for the moment."),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).retry_after(1)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            code: &'static str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
        }
        let body = Body {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            errors: &self.errors,
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
