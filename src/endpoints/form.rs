//! Bodies of the endpoints for services: forms, as RFC 7662 and RFC 7009 want it, and from nowhere else: a page of another
//! site can send one, but it has no client's secret.

use axum::body::Body as HttpBody;
use axum::extract::FromRequest;
use http::Request;

use super::Problem;
use super::body::{is_exactly, read};
use super::problem::Code;

/// A form. Parameters without a value count as left out, those that nobody knows are ignored (RFC 6749 section 3.2).
pub(super) struct Form(Vec<(String, String)>);

/// What the endpoints for services read.
const KNOWN: [&str; 4] = ["token", "token_type_hint", "client_id", "client_secret"];

impl Form {
    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(invalid)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let pairs = form_urlencoded::parse(bytes);
        for (name, value) in pairs.filter(|(name, _)| KNOWN.contains(&&**name)) {
            // Which of two counts would be a guess.
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(invalid());
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request<HttpBody>, _state: &S) -> Result<Self, Problem> {
        if !is_exactly("application/x-www-form-urlencoded", request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType).oauth_error("invalid_request"));
        }
        Self::parse(&read(request.into_body()).await?)
    }
}

/// A parameter is missing, empty, or there twice.
pub(super) fn invalid() -> Problem {
    Problem::new(Code::InvalidRequest).oauth_error("invalid_request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        let form = Form::parse(b"token=a%2Bb+c&token_type_hint=&other=1&other=2")
            .ok()
            .unwrap();
        assert_eq!(form.get("token"), Some("a+b c"));
        assert_eq!(form.get("token_type_hint"), None);
        assert!(form.required("client_id").is_err());
        for twice in [&b"token=a&token=b"[..], b"token=a&token=", b"client_id=&client_id="] {
            assert!(Form::parse(twice).is_err());
        }
    }
}
