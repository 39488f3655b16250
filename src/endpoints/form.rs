//! Form bodies, as RFC 7662 and RFC 7009 require them, for the endpoints for services only. A page of another site can
//! send a form, but it does not have a client secret.

use axum::body::Body as HttpBody;
use axum::extract::FromRequest;
use http::Request;

use super::Problem;
use super::body::{is_exactly, read};
use super::problem::Code;

/// A form body. Parameters without a value count as absent, unknown ones are ignored (RFC 6749 section 3.2).
pub(super) struct Form(Vec<(String, String)>);

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters that the endpoints for services know.
const KNOWN: [&str; 4] = ["token", "token_type_hint", "client_id", "client_secret"];

impl Form {
    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of a required parameter.
    ///
    /// # Errors
    /// `invalid_request` if it is absent.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(invalid)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let pairs = form_urlencoded::parse(bytes);
        for (name, value) in pairs.filter(|(name, _)| KNOWN.contains(&&**name)) {
            // Choosing one of two values would be a guess (RFC 6749 section 3.2).
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
        if !is_exactly(FORM, request.headers()) {
            return Err(Problem::wrong_media_type(FORM).oauth_error("invalid_request"));
        }
        Self::parse(&read(request.into_body()).await?)
    }
}

/// The error for a parameter that is missing, empty, or repeated.
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
