//! A GET of a JWKS URL. The server can be slow or hostile, and the response can be huge: every part has a limit.

use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use http::{StatusCode, Uri, header};
use pingora::connectors::http::Connector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use tokio::time::timeout;

use super::document::DocumentError;
use crate::content_length;

/// The timeout of the whole fetch.
const TOTAL: Duration = Duration::from_secs(5);
/// The timeout of the DNS lookup.
const RESOLVE: Duration = Duration::from_secs(2);
/// The timeout of a connection to one address; a name can have several, and the first may be unreachable.
const CONNECT: Duration = Duration::from_secs(2);
/// The largest response, in bytes; real ones have a few kilobytes.
const MOST_BYTES: usize = 256 * 1024;

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL has no host.
    #[error("the URL has no host")]
    NoHost,
    /// The DNS lookup failed.
    #[error("the name {0} does not resolve")]
    Resolve(String),
    /// The response was too slow.
    #[error("no complete response within {} s", TOTAL.as_secs())]
    Deadline,
    /// There is no connection.
    #[error("{0}")]
    Connection(String),
    /// The exchange of request and response failed.
    #[error("the exchange failed: {0}")]
    Exchange(&'static str),
    /// The response is a redirect, which leads to a URL that the operator did not configure.
    #[error("the response is a redirect ({0}), which is not followed: put the URL it leads to into the configuration")]
    Redirect(StatusCode),
    /// The response has another status than 200.
    #[error("the response has status {0}")]
    Status(StatusCode),
    /// The response has another media type.
    #[error("the response is not JSON: expected the Content-Type application/json, or one that ends in +json")]
    NotJson,
    /// The response is too large.
    #[error("the response is larger than {} KiB", MOST_BYTES / 1024)]
    TooLarge,
    /// The document is not a usable JWK set.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// A successful response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// The `max-age` of `Cache-Control`.
    pub(super) max_age: Option<Duration>,
}

/// An HTTP client with the system's certificate authorities (`SSL_CERT_FILE`, `SSL_CERT_DIR`), which are read on first
/// use.
#[derive(Default)]
pub(super) struct Client {
    connector: OnceLock<Connector>,
}

impl Client {
    /// Fetches `url`.
    ///
    /// # Errors
    /// When there is no response with status 200 and JSON within the limits.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, FetchError> {
        timeout(TOTAL, self.exchange(url))
            .await
            .unwrap_or(Err(FetchError::Deadline))
    }

    async fn exchange(&self, url: &str) -> Result<Answer, FetchError> {
        let url: Uri = url.parse().map_err(|_| FetchError::NoHost)?;
        let authority = url.authority().ok_or(FetchError::NoHost)?;
        let mut session = self.connect(&url).await?;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let mut request = RequestHeader::build("GET", target.as_bytes(), None).map_err(broken)?;
        for (name, value) in [
            (header::HOST, authority.as_str()),
            (header::ACCEPT, "application/jwk-set+json, application/json"),
            (header::ACCEPT_ENCODING, "identity"),
            (header::USER_AGENT, "sidegate-jwks"),
            (header::CONNECTION, "close"),
        ] {
            request.insert_header(name, value).map_err(broken)?;
        }
        session.write_request_header(Box::new(request)).await.map_err(broken)?;
        session.finish_request_body().await.map_err(broken)?;
        let max_age = loop {
            session.read_response_header().await.map_err(broken)?;
            let answer = session.response_header().ok_or(FetchError::Exchange("no answer"))?;
            if !answer.status.is_informational() {
                check(answer)?;
                break max_age(answer);
            }
        };
        let mut body = Vec::new();
        while let Some(chunk) = session.read_response_body().await.map_err(broken)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body, max_age })
    }

    /// Opens a new connection: an idle one would be too old at the next fetch.
    async fn connect(&self, url: &Uri) -> Result<HttpSession, FetchError> {
        let host = url.host().ok_or(FetchError::NoHost)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let connector = self.connector.get_or_init(|| Connector::new(None));
        let mut last = FetchError::Resolve(host.to_owned());
        for address in resolve(host, port).await? {
            // With TLS the name must not be empty: Pingora does not verify the certificate then.
            let mut peer = HttpPeer::new(address, tls, host.to_owned());
            peer.options.connection_timeout = Some(CONNECT);
            peer.options.total_connection_timeout = Some(CONNECT);
            peer.options.read_timeout = Some(TOTAL);
            peer.options.write_timeout = Some(TOTAL);
            match connector.get_http_session(&peer).await {
                Ok((session, _)) => return Ok(session),
                Err(error) => last = FetchError::Connection(error.to_string()),
            }
        }
        Err(last)
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
    let found = timeout(RESOLVE, tokio::net::lookup_host((host, port))).await;
    let found: io::Result<Vec<_>> = found
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map(Iterator::collect);
    found.map_err(|error| FetchError::Resolve(format!("{host} ({error})")))
}

fn check(answer: &ResponseHeader) -> Result<(), FetchError> {
    if answer.status.is_redirection() {
        return Err(FetchError::Redirect(answer.status));
    }
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status(answer.status));
    }
    let kind = text(answer, &header::CONTENT_TYPE).unwrap_or_default();
    if !is_json(kind) {
        return Err(FetchError::NotJson);
    }
    let announced = content_length::announced(&answer.headers);
    if announced.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(FetchError::TooLarge);
    }
    Ok(())
}

/// Whether the media type is `application/json` or `application/…+json` (RFC 6839 section 3.1), such as `jwk-set+json`.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/")
        .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// The `max-age` (RFC 9111 section 5.2.2.1). `no-store` counts as no information, because keys have to be stored.
fn max_age(answer: &ResponseHeader) -> Option<Duration> {
    let directives = text(answer, &header::CACHE_CONTROL)?.split(',');
    let mut seconds = directives.filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age")
            .then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.next().map(Duration::from_secs)
}

fn text<'a>(answer: &'a ResponseHeader, name: &header::HeaderName) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

/// Only the kind of the error: Pingora's message has the bytes that it could not parse, and so the other server's
/// cookies, or whatever it wants to have in our log.
#[expect(
    clippy::needless_pass_by_value,
    clippy::boxed_local,
    reason = "map_err hands the error over, in its box"
)]
fn broken(error: Box<pingora::Error>) -> FetchError {
    FetchError::Exchange(error.etype().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &'static str)]) -> ResponseHeader {
        let mut answer = ResponseHeader::build(200, None).unwrap();
        for (name, value) in headers {
            answer.insert_header(*name, *value).unwrap();
        }
        answer
    }

    #[test]
    fn the_kind_of_content_is_json_or_a_kind_of_it() {
        for kind in [
            "application/json",
            "application/jwk-set+json",
            "Application/JSON; charset=utf-8",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            "text/html",
            "application/jsonp",
            "text/json",
            "application/javascript",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[test]
    fn the_age_is_that_of_cache_control() {
        let age = |value| max_age(&answer(&[("cache-control", value)])).map(|age| age.as_secs());
        assert_eq!(age("public, max-age=60"), Some(60));
        assert_eq!(age("Max-Age=\"5\""), Some(5));
        for none in ["no-store", "s-maxage=5", "max-age", "max-age=x", "max-age=-1"] {
            assert_eq!(age(none), None, "{none}");
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_a_byte_is_read() {
        let json = ("content-type", "application/json");
        assert!(check(&answer(&[json, ("content-length", "262144")])).is_ok());
        assert!(matches!(
            check(&answer(&[json, ("content-length", "262145")])),
            Err(FetchError::TooLarge)
        ));
    }
}
