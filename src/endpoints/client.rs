//! Client authentication of the endpoints for services: one of `auth.clients`, by RFC 6749 section 2.3.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::form::{self, Form};
use super::problem::Code;
use super::{Caller, Problem, Services};
use crate::accounts::{Client, ClientError, Credentials};
use crate::secret::Secret;

/// Sent also to clients that used `client_secret_post`: HTTP Basic is the better of the two methods.
const CHALLENGE: &str = r#"Basic realm="sidegate", charset="UTF-8""#;

/// Authenticates the client.
///
/// # Errors
/// `invalid_client` for wrong or missing credentials; `invalid_request` for two methods at once; `rate_limited`.
pub(super) async fn authenticate<'a>(
    services: &'a Services,
    caller: &Caller,
    headers: &HeaderMap,
    form: &Form,
) -> Result<&'a Client, Problem> {
    let presented = presented(headers, form)?;
    let found = services
        .accounts
        .token_clients
        .authenticate(&presented, &caller.origin(), caller.received_at)
        .await;
    found.map_err(|error| match error {
        ClientError::Refused => refused(),
        ClientError::RateLimited { retry_after } => Problem::rate_limited(retry_after),
    })
}

fn refused() -> Problem {
    Problem::new(Code::InvalidClient)
        .challenge(CHALLENGE)
        .oauth_error("invalid_client")
}

/// The client's credentials. One header can have several interpretations; a header that has none counts as wrong.
fn presented(headers: &HeaderMap, form: &Form) -> Result<Vec<Credentials>, Problem> {
    let in_body = form.get("client_secret");
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(only) = fields.next() else {
        let credentials = form.get("client_id").zip(in_body).map(|(id, secret)| Credentials {
            id: id.to_owned(),
            secret: Secret::new(secret),
        });
        return Ok(credentials.into_iter().collect());
    };
    if fields.next().is_some() || in_body.is_some() {
        return Err(form::invalid());
    }
    Ok(only.to_str().map(basic).unwrap_or_default())
}

/// Id and secret are form-encoded before they are joined (RFC 6749 section 2.3.1). Many clients do not encode, and a secret
/// in base64 contains `+`, so the second interpretation takes them as they are. Two interpretations give an attacker two
/// guesses for one request, which does not matter for a secret of this length.
fn basic(value: &str) -> Vec<Credentials> {
    let read = || {
        let (scheme, encoded) = value.split_once(' ')?;
        let decoded = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (id, secret) = text.split_once(':')?;
        scheme
            .eq_ignore_ascii_case("basic")
            .then(|| (id.to_owned(), secret.to_owned()))
    };
    let Some((id, secret)) = read() else {
        return Vec::new();
    };
    let encoded = Credentials {
        id: form_decode(&id),
        secret: Secret::new(form_decode(&secret)),
    };
    let plain = Credentials {
        id,
        secret: Secret::new(secret),
    };
    vec![encoded, plain]
}

fn form_decode(text: &str) -> String {
    // Decoded as one form value: `&`, which would end it, is encoded first.
    let pair = format!("={}", text.replace('&', "%26"));
    let decoded = form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(id_and_secret: &str) -> Vec<(String, String)> {
        basic(&format!("Basic {}", STANDARD.encode(id_and_secret)))
            .into_iter()
            .map(|one| (one.id, one.secret.expose().to_owned()))
            .collect()
    }

    #[test]
    fn a_secret_is_read_form_encoded_and_as_it_stands() {
        let pair = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
        assert_eq!(
            readings("billing:a%2Bb%3D"),
            [pair("billing", "a+b="), pair("billing", "a%2Bb%3D")]
        );
        assert_eq!(
            readings("billing:a+b="),
            [pair("billing", "a b="), pair("billing", "a+b=")]
        );
        assert_eq!(readings("billing:a&b:c")[0], pair("billing", "a&b:c"));
    }

    #[test]
    fn what_is_no_basic_authentication_is_none() {
        for value in [
            "Bearer e30.e30.x",
            "Basic",
            "Basic !!!",
            "Basic bm9jb2xvbg==",
            "Basic /w==",
        ] {
            assert!(basic(value).is_empty(), "{value}");
        }
    }
}
