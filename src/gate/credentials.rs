//! Finds the credential of a request.
//!
//! Absent and invalid are different: an invalid credential is refused, and the next source is not tried. Otherwise a
//! request could be authorized by one token and served with another.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{
    denial::{Denial, TokenFault},
    request::Request,
    route::Routed,
    rules::{
        Rules,
        route::{Access, Route},
    },
};
use crate::cookies;

/// The longest token, in bytes. Longer ones are refused unparsed.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// A credential that is not verified yet. Only [`find`] creates one.
#[derive(Debug)]
pub struct Unverified<'a> {
    pub(super) route: Arc<Route>,
    /// `None` for an anonymous caller on a route that allows them.
    pub(super) token: Option<Cow<'a, str>>,
}

/// Finds the credential that the route requires.
///
/// # Errors
/// When a required one is missing, or one is present that cannot be a token.
pub(super) fn find<'a>(routed: Routed, request: &Request<'a>, rules: &Rules) -> Result<Unverified<'a>, Denial> {
    let route = routed.route;
    if route.access == Access::Public {
        return Ok(Unverified { route, token: None });
    }
    let cookie = rules.session_cookie.as_deref();
    let token = match bearer(request.headers)? {
        Some(token) => {
            if cookie.is_some_and(|name| has_other_cookie(request.headers, name, token)) {
                return Err(Denial::CredentialsAmbiguous);
            }
            Some(Cow::Borrowed(token))
        }
        None => match cookie
            .map(|name| session_cookie(request.headers, name))
            .transpose()?
            .flatten()
        {
            Some(_) if is_cross_site(request) => return Err(Denial::CrossSite),
            token => token,
        },
    };
    match (token, &route.access) {
        (None, Access::Policy(_)) => Err(Denial::CredentialsMissing),
        (token, _) => Ok(Unverified { route, token }),
    }
}

/// The token in `Authorization: Bearer` (RFC 6750 section 2.1; the scheme's case does not matter, RFC 9110 section
/// 11.1).
///
/// # Errors
/// For two such headers, another scheme, or a value that cannot be a token.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denial> {
    let Some(value) = only(headers, &header::AUTHORIZATION)? else {
        return Ok(None);
    };
    let value = value.as_bytes();
    let space = value
        .iter()
        .position(|&byte| byte == b' ')
        .ok_or(Denial::CredentialsMalformed)?;
    let (scheme, mut token) = value.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Denial::CredentialsMalformed);
    }
    while let Some(rest) = token.strip_prefix(b" ") {
        token = rest;
    }
    token_in(token).map(Some)
}

/// Whether there is a session cookie `name` with anything but `token`: the request would be authorized for one user, and
/// an application or a log that knows the cookie would take it for another's.
fn has_other_cookie(headers: &HeaderMap, name: &str, token: &str) -> bool {
    cookies::values(headers, name).any(|value| *value != *token)
}

/// The token in the cookie `name`.
fn session_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<Cow<'a, str>>, Denial> {
    let mut found = cookies::values(headers, name);
    let Some(value) = found.next() else { return Ok(None) };
    // Two cookies of this name: a subdomain can set the second (cookie tossing), and choosing one would be a guess.
    if found.next().is_some() {
        return Err(Denial::CredentialsAmbiguous);
    }
    token_in(value.as_bytes())?;
    Ok(Some(value))
}

/// Whether all bytes are of the alphabet of a compact JWS (RFC 7515 section 7.1): nothing else reaches a parser.
fn token_in(text: &[u8]) -> Result<&str, Denial> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::TooLarge.into());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // Without an early exit, so that the compiler checks sixteen bytes at a time; a token has seven hundred.
    let all_fit = text.iter().fold(true, |all, &byte| all & fits(byte));
    match std::str::from_utf8(text) {
        Ok(text) if all_fit && !text.is_empty() => Ok(text),
        _ => Err(Denial::CredentialsMalformed),
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Denial> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Denial::CredentialsAmbiguous);
    }
    Ok(first)
}

/// Whether a browser sends the cookie with a cross-site request. A request that changes something, or a WebSocket, has
/// to come from the same site, because browsers add cookies by themselves, unlike bearer tokens.
fn is_cross_site(request: &Request<'_>) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method);
    if safe && !request.headers.contains_key(header::UPGRADE) {
        return false;
    }
    let text = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    // Browsers without Sec-Fetch-Site send Origin with such requests; other programs send neither.
    text("origin").is_some_and(|origin| {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        !name.map_or(host, |(name, _)| name).eq_ignore_ascii_case(request.host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{route::Routed, testing};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c"] {
            assert_eq!(
                bearer(&headers(&[("authorization", value)])),
                Ok(Some("a.b.c")),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_refused_and_not_taken_for_absent() {
        for value in [
            "Basic YTpi",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "a.b.c",
            "Bearer\ta",
            "",
            "Bearer \"a\"",
        ] {
            assert_eq!(
                bearer(&headers(&[("authorization", value)])),
                Err(Denial::CredentialsMalformed),
                "{value}"
            );
        }
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn two_authorization_headers_are_ambiguous_even_when_equal() {
        let two = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")]);
        assert_eq!(bearer(&two), Err(Denial::CredentialsAmbiguous));
    }

    #[test]
    fn a_token_over_eight_kibibytes_is_too_large() {
        let fits = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES));
        assert!(bearer(&headers(&[("authorization", &fits)])).is_ok());
        assert_eq!(
            bearer(&headers(&[("authorization", &(fits + "a"))])),
            Err(TokenFault::TooLarge.into())
        );
    }

    #[test]
    fn the_token_in_a_cookie_is_held_to_the_same_alphabet() {
        assert_eq!(
            session_cookie(&headers(&[("cookie", "a=1; sid=a.b.c")]), "sid"),
            Ok(Some("a.b.c".into()))
        );
        assert_eq!(session_cookie(&headers(&[("cookie", "a=1")]), "sid"), Ok(None));
        for value in ["sid=", "sid=\"a.b.c\"", "sid=a b", "sid=é"] {
            assert_eq!(
                session_cookie(&headers(&[("cookie", value)]), "sid"),
                Err(Denial::CredentialsMalformed),
                "{value}"
            );
        }
    }

    #[test]
    fn a_planted_second_cookie_is_refused() {
        for fields in [
            &[("cookie", "sid=a; sid=b")][..],
            &[("cookie", "sid=a"), ("cookie", "sid=b")],
        ] {
            assert_eq!(
                session_cookie(&headers(fields), "sid"),
                Err(Denial::CredentialsAmbiguous)
            );
        }
    }

    #[test]
    fn a_bearer_token_and_another_one_in_the_cookie_are_ambiguous() {
        let mut rules = testing::rules(vec![]);
        let mut route = testing::route("app", "", "/**", &[]);
        route.access = Access::Optional;
        let route = Arc::new(route);
        let mut found = |cookie: &str, configured: Option<&str>| {
            rules.session_cookie = configured.map(Into::into);
            let headers = headers(&[("authorization", "Bearer a.b.c"), ("cookie", cookie)]);
            let request = testing::request(&Method::GET, "/", &headers);
            let route = Arc::clone(&route);
            find(Routed { route }, &request, &rules).map(|unverified| unverified.token.unwrap().into_owned())
        };
        for cookie in ["sid=d.e.f", "sid=a.b.c; sid=d.e.f", "x=1; sid=", "sid=a.b.C"] {
            assert_eq!(
                found(cookie, Some("sid")),
                Err(Denial::CredentialsAmbiguous),
                "{cookie}"
            );
        }
        for cookie in ["sid=a.b.c", "x=d.e.f", "sid2=d.e.f"] {
            assert_eq!(found(cookie, Some("sid")), Ok("a.b.c".to_owned()), "{cookie}");
        }
        assert_eq!(found("sid=d.e.f", None), Ok("a.b.c".to_owned()), "no cookie is read");
    }

    fn with_cookie(method: &Method, extra: &[(&'static str, &str)]) -> Result<bool, Denial> {
        let mut pairs = vec![("cookie", "sid=a.b.c")];
        pairs.extend_from_slice(extra);
        let headers = headers(&pairs);
        let mut rules = testing::rules(vec![]);
        rules.session_cookie = Some("sid".into());
        let mut route = testing::route("app", "", "/**", &[]);
        route.access = Access::Optional;
        let request = testing::request(method, "/", &headers);
        find(Routed { route: Arc::new(route) }, &request, &rules).map(|unverified| unverified.token.is_some())
    }

    #[test]
    fn a_cookie_is_not_taken_from_another_site() {
        for extra in [
            [("sec-fetch-site", "cross-site")],
            [("sec-fetch-site", "same-site")],
            [("origin", "https://evil.test")],
            [("origin", "null")],
        ] {
            assert_eq!(with_cookie(&Method::POST, &extra), Err(Denial::CrossSite), "{extra:?}");
        }
        assert_eq!(
            with_cookie(
                &Method::GET,
                &[("upgrade", "websocket"), ("origin", "https://evil.test")]
            ),
            Err(Denial::CrossSite)
        );
    }

    #[test]
    fn a_cookie_is_taken_from_our_own_pages_and_from_programs() {
        for extra in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("origin", "https://app.test:8443")],
            &[],
        ] {
            assert_eq!(with_cookie(&Method::POST, extra), Ok(true), "{extra:?}");
        }
        assert_eq!(
            with_cookie(&Method::GET, &[("sec-fetch-site", "cross-site")]),
            Ok(true),
            "a link from elsewhere is no attack"
        );
    }
}
