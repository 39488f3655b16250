//! One GET of a JWKS URL. Whoever answers may be slow, huge or hostile: every part has a limit.

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

/// From the first lookup to the last byte.
const TOTAL: Duration = Duration::from_secs(5);
/// For the name.
const RESOLVE: Duration = Duration::from_secs(2);
/// For one address; a name may have several, of which the first may lead nowhere.
const CONNECT: Duration = Duration::from_secs(2);
/// Real sets have a few kilobytes.
const MOST_BYTES: usize = 256 * 1024;

/// Why an issuer's keys were not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL names no host.
    #[error("the URL names no host")]
    NoHost,
    /// DNS.
    #[error("the name {0} does not resolve")]
    Resolve(String),
    /// Too slow.
    #[error("there was no whole answer within {} s", TOTAL.as_secs())]
    Deadline,
    /// TCP, TLS or HTTP.
    #[error("{0}")]
    Connection(String),
    /// A redirect leads to where the operator did not point.
    #[error("the answer is a redirect ({0}), which is not followed: write the URL it leads to into the configuration")]
    Redirect(StatusCode),
    /// Another status.
    #[error("the answer is {0}")]
    Status(StatusCode),
    /// Another kind of content.
    #[error("the answer is not JSON but {0:?}")]
    NotJson(String),
    /// Too large.
    #[error("the answer is larger than {} KiB", MOST_BYTES / 1024)]
    TooLarge,
    /// The content.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// `Cache-Control: max-age`.
    pub(super) max_age: Option<Duration>,
}

/// An HTTP client with the system's certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`), which are read at the first use.
#[derive(Default)]
pub(super) struct Client {
    connector: OnceLock<Connector>,
}

impl Client {
    /// Gets `url`.
    ///
    /// # Errors
    /// When there is no answer of 200 with JSON within the limits.
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
            let answer = session
                .response_header()
                .ok_or_else(|| FetchError::Connection("no answer".to_owned()))?;
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

    /// A connection of its own: between two refreshes a kept one would only grow old.
    async fn connect(&self, url: &Uri) -> Result<HttpSession, FetchError> {
        let host = url.host().ok_or(FetchError::NoHost)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let connector = self.connector.get_or_init(|| Connector::new(None));
        let mut last = FetchError::Resolve(host.to_owned());
        for address in resolve(host, port).await? {
            // With TLS the name is never empty: Pingora takes an empty one as "do not verify".
            let mut peer = HttpPeer::new(address, tls, host.to_owned());
            peer.options.connection_timeout = Some(CONNECT);
            peer.options.total_connection_timeout = Some(CONNECT);
            peer.options.read_timeout = Some(TOTAL);
            peer.options.write_timeout = Some(TOTAL);
            match connector.get_http_session(&peer).await {
                Ok((session, _)) => return Ok(session),
                Err(error) => last = broken(error),
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
        return Err(FetchError::NotJson(kind.chars().take(80).collect()));
    }
    let announced = content_length::announced(&answer.headers);
    if announced.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(FetchError::TooLarge);
    }
    Ok(())
}

/// `application/json`, and every `application/…+json` (RFC 6839 section 3.1), of which `jwk-set+json` is one.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/")
        .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// RFC 9111 section 5.2.2.1. An answer that may not be stored at all counts as one that says nothing: keys have to be kept.
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

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn broken(error: Box<pingora::Error>) -> FetchError {
    FetchError::Connection(error.to_string())
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
