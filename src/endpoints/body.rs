//! Request bodies: JSON of a declared type and bounded size.

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::{FromRequest, OptionalFromRequest};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::Problem;
use super::problem::Code;

/// The largest request body, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A JSON body. Every type has `deny_unknown_fields`, so that a misspelt optional field is an error and not ignored.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<HttpBody>, _state: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        read(request.into_body())
            .await
            .and_then(|bytes| parse(&bytes))
            .map(Self)
    }
}

/// A JSON body that may be absent.
impl<T: DeserializeOwned, S: Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<HttpBody>, _state: &S) -> Result<Option<Self>, Problem> {
        let typed = check_type(request.headers());
        let bytes = read(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        typed?;
        parse(&bytes).map(|value| Some(Self(value)))
    }
}

/// Requires `application/json`. Forms and plain text, which a page of another site can send without a CORS preflight, are
/// refused: this is the protection against cross-site request forgery.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    if is_exactly("application/json", headers) {
        Ok(())
    } else {
        Err(Problem::wrong_media_type("application/json"))
    }
}

/// Whether the body has this media type, in UTF-8 and without a content coding.
pub(super) fn is_exactly(expected: &str, headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let text = only.to_str().unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim().to_ascii_lowercase().replace('"', "");
    essence.trim().eq_ignore_ascii_case(expected)
        && matches!(charset.as_str(), "" | "charset=utf-8")
        && !headers.contains_key(CONTENT_ENCODING)
}

pub(super) async fn read(body: HttpBody) -> Result<bytes::Bytes, Problem> {
    // The proxy has the body in memory already, so the only possible failure is its length.
    to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| Problem::new(Code::BodyTooLarge))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = || Problem::new(Code::JsonMalformed);
    // serde accepts an array as the fields of a struct in their order, which no client means.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::field(".", "wrong_type", &"expected a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().classify() == Category::Data {
            wrong_field(&error.path().to_string(), &error.inner().to_string())
        } else {
            malformed()
        }
    })?;
    deserializer.end().map_err(|_| malformed())?;
    Ok(value)
}

/// serde's message may quote the value, which may be a password; only the name of the field is taken from it.
pub(super) fn wrong_field(path: &str, message: &str) -> Problem {
    let name = message.split('`').nth(1).unwrap_or_default();
    let joined = match path {
        "." => name.to_owned(),
        // For some errors the path ends in the field already.
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    };
    if message.starts_with("unknown field") {
        Problem::field(&joined, "unknown_field", &"unknown field")
    } else if message.starts_with("missing field") {
        Problem::field(&joined, "missing", &"is required")
    } else if message.starts_with("duplicate field") {
        Problem::field(&joined, "duplicate", &"expected once, got it twice")
    } else if message.starts_with("unknown variant") {
        // The list behind the last "expected" is serde's; what is before it can be the value.
        let accepted = message.rsplit_once(", expected ").map_or("", |(_, list)| list);
        let accepted: Vec<_> = accepted.split('`').skip(1).step_by(2).collect();
        Problem::field(
            path,
            "not_accepted",
            &format!("expected one of {}", accepted.join(", ")),
        )
    } else {
        Problem::field(path, "wrong_type", &"has the wrong JSON type")
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Shape {
        name: String,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Inner {
        n: u32,
    }

    async fn refused(text: &str) -> Value {
        let problem = parse::<Shape>(text.as_bytes()).unwrap_err();
        let response = problem.into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        serde_json::from_slice(&to_bytes(response.into_body(), BODY_LIMIT).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_wrong_field_is_named_by_its_path_and_its_value_is_not_repeated() {
        let cases = [
            (r#"{"name":"a","nmae":1}"#, "nmae", "unknown_field"),
            (r#"{"name":"a","inner":{"n":1,"m":2}}"#, "inner.m", "unknown_field"),
            (r"{}", "name", "missing"),
            (r#"{"name":"a","inner":{}}"#, "inner.n", "missing"),
            (r#"{"name":"a","inner":{"n":"hunter2"}}"#, "inner.n", "wrong_type"),
            (r#"{"name":"a","name":"b"}"#, "name", "duplicate"),
            (r#" ["a",null]"#, ".", "wrong_type"),
            (r#""a""#, ".", "wrong_type"),
        ];
        for (text, field, code) in cases {
            let problem = refused(text).await;
            assert_eq!(problem["code"], "validation_failed");
            let error = &problem["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!(field), &json!(code)),
                "{text}"
            );
            assert!(!problem.to_string().contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_malformed() {
        for text in ["", "{", "{\"name\":\"a\"} x", "\u{feff}{}", "{\"name\":\"\u{1}\"}"] {
            assert_eq!(refused(text).await["code"], "json_malformed", "{text:?}");
        }
    }

    #[test]
    fn only_json_is_json() {
        let checked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            check_type(&headers).is_ok()
        };
        assert!(checked("application/json") && checked("Application/JSON; charset=\"UTF-8\""));
        for wrong in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/jsonx",
        ] {
            assert!(!checked(wrong), "{wrong}");
        }
        assert!(check_type(&HeaderMap::new()).is_err());
    }
}
