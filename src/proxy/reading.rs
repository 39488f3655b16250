//! Parses a request strictly: what is authorized is what is forwarded.
//!
//! Pingora is more lenient than a security proxy can be: it accepts a missing `Host`, `Content-Length` beside
//! `Transfer-Encoding`, bare line feeds, a megabyte of headers, and targets without a leading slash. Some of these are
//! no longer visible in its parsed headers, so HTTP/1 requests are parsed again from their raw bytes.

use http::{HeaderMap, Method, Version, header};
use memchr::memchr;
use pingora::proxy::Session;

use super::framing::Inspected;
use super::snapshot::RequestLimits;
use crate::content_length;
use crate::gate::denial::Malformed;

/// What Pingora's parsed headers do not contain.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Host in lower case, without port. Empty only on HTTP/1.0.
    pub(super) host: Box<str>,
    /// Path and query in origin-form: what is authorized, and what has to be forwarded.
    pub(super) target: Box<[u8]>,
    /// Whether the request line has another form (absolute-form), so that it has to be rewritten.
    pub(super) rewritten: bool,
    /// Whether the body is chunked.
    chunked: bool,
}

/// Parses request line and headers.
///
/// # Errors
/// The first part in which two parsers could differ, or the limit that is exceeded.
pub(super) fn read(session: &Session, limits: &RequestLimits) -> Result<Head, Malformed> {
    let header = session.req_header();
    if header.method == Method::TRACE || header.method == Method::CONNECT {
        return Err(Malformed::Method);
    }
    match session.as_http1() {
        Some(h1) => {
            let raw = h1.get_headers_raw_bytes();
            let head = read_http1(&raw, &header.method, header.version, limits)?;
            // Pingora percent-encodes bytes that are not allowed in a target, so that the upstream would get other
            // bytes than these.
            if !head.rewritten && *header.raw_path() != *head.target {
                return Err(Malformed::ControlByte);
            }
            inspect_body(Inspected::of(h1.stream()), head.chunked)?;
            Ok(head)
        }
        None => read_http2(
            &header.headers,
            header.uri.authority().map(http::uri::Authority::as_str),
            header.raw_path(),
            limits,
        ),
    }
}

/// Inspects what was received of a chunked body, and from now on what follows.
fn inspect_body(inspected: Option<&Inspected>, chunked: bool) -> Result<(), Malformed> {
    match inspected {
        Some(inspected) if chunked => inspected.expect_chunks().map_err(|fault| {
            tracing::debug!(%fault, "a chunked body is malformed");
            Malformed::Framing
        }),
        Some(inspected) => {
            inspected.expect_no_chunks();
            Ok(())
        }
        // Chunks that are not inspected must not be forwarded.
        None if chunked => Err(Malformed::Framing),
        None => Ok(()),
    }
}

pub(super) fn read_http1(
    raw: &[u8],
    method: &Method,
    version: Version,
    limits: &RequestLimits,
) -> Result<Head, Malformed> {
    if raw.len() > limits.header_bytes {
        return Err(Malformed::HeaderTooLarge);
    }
    let mut rest = raw;
    // A bare LF ends a line, or the whole block, for one server and not for another.
    let mut line = || {
        let end = memchr(b'\n', rest).ok_or(Malformed::Framing)?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        match line {
            [line @ .., b'\r'] if memchr(b'\r', line).is_none() => Ok(line),
            _ => Err(Malformed::Framing),
        }
    };
    // A server can skip empty lines before the request line (RFC 9112 section 2.2).
    let mut request_line = line()?;
    while request_line.is_empty() {
        request_line = line()?;
    }

    let (mut fields, mut host, mut lengths, mut encodings) = (0_usize, None, 0_usize, 0_usize);
    loop {
        let field = line()?;
        if field.is_empty() {
            break;
        }
        fields += 1;
        let colon = field.iter().position(|&byte| byte == b':').ok_or(Malformed::Framing)?;
        let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
        // Only the three headers that decide where the request goes and where it ends.
        if name.eq_ignore_ascii_case(b"host") {
            if host.replace(value).is_some() {
                return Err(Malformed::Host);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
            if content_length::parse(value).is_none() {
                return Err(Malformed::Framing);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed::Framing);
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            // Pingora would remove the field and forward the body, which the upstream would parse as a second request.
            if value
                .split(|&byte| byte == b',')
                .any(|option| is_framing(option.trim_ascii()))
            {
                return Err(Malformed::Framing);
            }
        } else if reads_as(name, b"content-length") || reads_as(name, b"transfer-encoding") {
            // `Content_Length` is a length for servers that convert header names to variables, and for others it is
            // not.
            return Err(Malformed::Framing);
        }
    }
    if fields > limits.headers {
        return Err(Malformed::TooManyHeaders);
    }
    // `Transfer-Encoding` takes precedence (RFC 9112 section 6.3); for an upstream that uses `Content-Length`, a second
    // request would be hidden in the body of the first.
    if lengths + encodings > 1 || (encodings == 1 && version != Version::HTTP_11) {
        return Err(Malformed::Framing);
    }

    let raw_target = request_target(request_line).ok_or(Malformed::TargetNotAbsolute)?;
    let (authority, target) = split_absolute_form(raw_target);
    let asterisk = target == b"*" && method == Method::OPTIONS;
    if target.first() != Some(&b'/') && !asterisk {
        return Err(Malformed::TargetNotAbsolute);
    }
    let host = match host.or(authority) {
        Some(host) => bare_host(host).ok_or(Malformed::Host)?,
        // An HTTP/1.1 request without Host is a 400 (RFC 9112 section 3.2).
        None if version == Version::HTTP_10 => Box::default(),
        None => return Err(Malformed::Host),
    };
    Ok(Head {
        host,
        target: target.into(),
        rewritten: authority.is_some(),
        chunked: encodings == 1,
    })
}

fn read_http2(
    headers: &HeaderMap,
    authority: Option<&str>,
    target: &[u8],
    limits: &RequestLimits,
) -> Result<Head, Malformed> {
    let (mut size, mut lengths) = (0, 0);
    for (name, value) in headers {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        // Counted like SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 section 6.5.2).
        size += name.len() + value.len() + 32;
        if name == b"content-length" {
            lengths += 1;
        } else if reads_as(name, b"content-length") || reads_as(name, b"transfer-encoding") {
            return Err(Malformed::Framing);
        }
        // HTTP/1 parsers remove the white space, so that an upstream would get another value than the gate
        // (RFC 9113 section 8.2.1).
        if value.trim_ascii() != value {
            return Err(Malformed::Field);
        }
    }
    if size > limits.header_bytes {
        return Err(Malformed::HeaderTooLarge);
    }
    if headers.len() > limits.headers {
        return Err(Malformed::TooManyHeaders);
    }
    if lengths > 1 {
        return Err(Malformed::Framing);
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (field, second) = (hosts.next(), hosts.next());
    let field = field
        .map(|field| field.to_str().map_err(|_| Malformed::Host))
        .transpose()?;
    let differs =
        matches!((authority, field), (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field));
    if second.is_some() || differs {
        return Err(Malformed::Host);
    }
    let host = authority
        .or(field)
        .and_then(|host| bare_host(host.as_bytes()))
        .ok_or(Malformed::Host)?;
    Ok(Head {
        host,
        target: target.into(),
        rewritten: false,
        chunked: false,
    })
}

/// Whether `option` of `Connection` is a header that frames the body, which is forbidden (RFC 9110 section 7.6.1).
fn is_framing(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"content-length") || option.eq_ignore_ascii_case(b"transfer-encoding")
}

/// Whether a server that converts header names like CGI takes `name` for `meant`.
fn reads_as(name: &[u8], meant: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (!a.is_ascii_alphanumeric() && *b == b'-');
    name.len() == meant.len() && name.iter().zip(meant).all(same)
}

/// The target of a request line with exactly two spaces: `GET /x HTTP/1.1` → `/x`.
fn request_target(line: &[u8]) -> Option<&[u8]> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (_, target, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    Some(target)
}

/// Splits the absolute-form `http://host/path` into (`host`, `/path`) (RFC 9112 section 3.2.2); other forms stay as they are.
fn split_absolute_form(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let scheme_len = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len);
    let Some(rest) = scheme_len.map(|len| &target[len..]) else {
        return (None, target);
    };
    let end = rest
        .iter()
        .position(|byte| b"/?#\\".contains(byte))
        .unwrap_or(rest.len());
    match (&rest[..end], &rest[end..]) {
        (authority, []) => (Some(authority), b"/"),
        (authority, path) => (Some(authority), path),
    }
}

/// The host in lower case without port: `Example.com:8080` → `example.com`; `None` if it is not a host name or IP
/// address.
fn bare_host(host: &[u8]) -> Option<Box<str>> {
    let host = std::str::from_utf8(host).ok()?;
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&host[..address.len() + 2], port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if name.is_empty() || !name.bytes().all(legal) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // `example.com.` is the same host (RFC 1034 section 3.1), and has to match the same routes.
    let name = name.strip_suffix('.').unwrap_or(name);
    // `.a.test` would match `*.a.test` without being a subdomain.
    let whole = !name.split('.').any(str::is_empty);
    whole.then(|| name.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> RequestLimits {
        RequestLimits {
            header_bytes: 1024,
            headers: 5,
            request_header: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            connections: 10_000,
        }
    }

    fn read(raw: &str) -> Result<Head, Malformed> {
        let method = Method::from_bytes(raw.split(' ').next().unwrap().as_bytes()).unwrap();
        let version = if raw.contains("HTTP/1.0") {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        };
        read_http1(raw.as_bytes(), &method, version, &limits())
    }

    fn with(fields: &str) -> Result<Head, Malformed> {
        read(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn the_body_has_one_stated_length() {
        assert!(with("Content-Length: 5\r\n").is_ok());
        assert!(with("Transfer-Encoding: Chunked\r\n").is_ok());
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: \r\n",
            "Transfer-Encoding: cow, chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "X: y\nTransfer-Encoding: chunked\r\n",
            "Connection: close, Content-Length\r\nContent-Length: 5\r\n",
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
            "Content_Length: 5\r\n",
            "transfer.encoding: chunked\r\n",
            "X: y\rTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(with(fields), Err(Malformed::Framing), "{fields}");
        }
        assert_eq!(
            read("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(Malformed::Framing)
        );
    }

    #[test]
    fn a_header_block_ends_like_its_lines() {
        let read = |raw: &str| read_http1(raw.as_bytes(), &Method::GET, Version::HTTP_11, &limits());
        for raw in [
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert_eq!(read(raw), Err(Malformed::Framing), "{raw:?}");
        }
        assert!(read("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok());
    }

    #[tokio::test]
    async fn a_target_that_would_not_be_forwarded_as_it_was_received_is_refused() {
        use tokio::io::AsyncWriteExt as _;
        for (forwarded, result) in [(&b"/a"[..], Ok(())), (b"/b", Err(Malformed::ControlByte))] {
            let (mut client, server) = tokio::io::duplex(1024);
            let head = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
            client.write_all(head).await.unwrap();
            let mut session = Session::new_h1(Box::new(Inspected::new(Box::new(server))));
            assert!(session.read_request().await.unwrap());
            session.req_header_mut().set_raw_path(forwarded).unwrap();
            assert_eq!(super::read(&session, &limits()).map(drop), result);
        }
    }

    #[tokio::test]
    async fn chunks_on_a_connection_that_is_not_inspected_are_refused() {
        use tokio::io::AsyncWriteExt as _;
        let (mut client, server) = tokio::io::duplex(1024);
        let head = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        client.write_all(head).await.unwrap();
        let mut session = Session::new_h1(Box::new(server));
        assert!(session.read_request().await.unwrap());
        assert_eq!(super::read(&session, &limits()).map(drop), Err(Malformed::Framing));
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(
            &*read("GET / HTTP/1.1\r\nHost: Example.COM.:8080\r\n\r\n").unwrap().host,
            "example.com"
        );
        assert_eq!(
            &*read("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").unwrap().host,
            "[::1]"
        );
        assert_eq!(&*read("GET / HTTP/1.0\r\n\r\n").unwrap().host, "");
        for raw in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: .\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: .a.test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a..test\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.test..\r\n\r\n",
        ] {
            assert_eq!(read(raw), Err(Malformed::Host), "{raw}");
        }
    }

    #[test]
    fn absolute_form_is_rewritten_and_everything_else_without_a_slash_refused() {
        let head = read("GET http://Other.test:80/x?y=1 HTTP/1.1\r\nHost: Other.test:80\r\n\r\n").unwrap();
        assert_eq!((&*head.target, head.rewritten), (&b"/x?y=1"[..], true));
        assert_eq!(&*read("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().target, b"/");
        assert_eq!(&*read("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().target, b"*");
        for target in [
            "admin",
            "\\admin",
            "?/admin",
            ":80/admin",
            "@other.test/",
            "localhost:8080/admin",
            "*",
            "ftp://a/",
            "http:/a",
            "http://a?x",
            "http://a\\x",
        ] {
            let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(read(&raw), Err(Malformed::TargetNotAbsolute), "{target}");
        }
    }

    #[test]
    fn limits_are_kept_to_the_byte_and_the_field() {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        let fits = format!("{start}{}\r\n\r\n", "a".repeat(1024 - start.len() - 4));
        assert_eq!(fits.len(), 1024);
        assert!(read(&fits).is_ok());
        assert_eq!(read(&fits.replace("X: ", "X: a")), Err(Malformed::HeaderTooLarge));
        assert!(with("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n").is_ok());
        assert_eq!(
            with("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n"),
            Err(Malformed::TooManyHeaders)
        );
    }

    #[test]
    fn an_http2_request_keeps_the_rules_of_http1() {
        let read = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                header::HeaderName::from_static(name),
                header::HeaderValue::from_static(value),
            )]);
            read_http2(&headers, Some("a.test"), b"/", &limits()).map(drop)
        };
        for name in [
            "transfer-encoding",
            "transfer_encoding",
            "transfer.encoding",
            "content_length",
            "content.length",
        ] {
            assert_eq!(read(name, "5"), Err(Malformed::Framing), "{name}");
        }
        for value in [" a", "a ", "\ta", "a\t", " "] {
            assert_eq!(read("x", value), Err(Malformed::Field), "{value:?}");
        }
        for (name, value) in [
            ("content-length", "5"),
            ("content_lengths", "5"),
            ("x", "a b"),
            ("x", ""),
        ] {
            assert_eq!(read(name, value), Ok(()), "{name}: {value:?}");
        }
    }

    #[test]
    fn an_http2_request_may_not_name_two_hosts() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            &*read_http2(&headers, Some("A.test:443"), b"/", &limits()).unwrap().host,
            "a.test"
        );
        assert_eq!(read_http2(&headers, None, b"/", &limits()), Err(Malformed::Host));
        headers.insert("host", "b.test".parse().unwrap());
        assert_eq!(
            read_http2(&headers, Some("a.test"), b"/", &limits()),
            Err(Malformed::Host)
        );
        assert!(read_http2(&headers, Some("b.test"), b"/", &limits()).is_ok());
    }
}
