//! Checks the header block of an application's response, as strictly as that of a request.
//!
//! What follows a response on a connection is the response to the next request, perhaps of another user. So an application
//! (or somebody who can write one of its header lines) must not make Sidegate and a client disagree about where a
//! response ends.

use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora::http::ResponseHeader;

use crate::content_length;

/// The maximum number of interim responses (1xx) of a request. One or two are usual: 100 Continue, 103 Early Hints.
pub(in crate::proxy) const INTERIM: u32 = 16;

/// Headers of one connection that are removed even if `Connection` does not name them (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Checks a response, and removes what is meant for Sidegate only. `upgrading`: the request asked for a WebSocket.
///
/// # Errors
/// What is wrong, for the log.
pub(in crate::proxy) fn check(response: &mut ResponseHeader, upgrading: bool) -> Result<(), &'static str> {
    let (mut lengths, mut encodings, mut nominates, mut hop_by_hop) = (0, 0, false, false);
    for (name, value) in &response.headers {
        if *name == header::CONTENT_LENGTH {
            lengths += 1;
            if content_length::parse(value.as_bytes()).is_none() {
                return Err("a Content-Length that is not a number");
            }
        } else if *name == header::TRANSFER_ENCODING {
            encodings += 1;
            if !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err("a transfer coding other than chunked");
            }
        } else if *name == header::CONNECTION {
            nominates |= value != "keep-alive" && value != "close";
        } else if *name == header::UPGRADE || HOP_BY_HOP.contains(&name.as_str()) {
            hop_by_hop = true;
        }
    }
    if lengths + encodings > 1 || (encodings == 1 && response.version == Version::HTTP_10) {
        return Err("more than one length");
    }
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        return switched(response, upgrading);
    }
    if nominates {
        for name in nominated(response)? {
            response.remove_header(&name);
        }
    }
    if hop_by_hop {
        response.remove_header(&header::UPGRADE);
        for name in HOP_BY_HOP {
            response.remove_header(name);
        }
    }
    Ok(())
}

/// Whether a 101 is the one that the client asked for. With any other, client and Sidegate would disagree whether what
/// follows is a response (RFC 9110 section 7.8).
fn switched(response: &ResponseHeader, upgrading: bool) -> Result<(), &'static str> {
    let mut protocols = response.headers.get_all(header::UPGRADE).iter();
    let (protocol, second) = (protocols.next(), protocols.next());
    let websocket = protocol.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if upgrading && websocket && second.is_none() {
        Ok(())
    } else {
        Err("a 101 that the client did not ask for")
    }
}

/// The headers that `Connection` names.
fn nominated(response: &ResponseHeader) -> Result<Vec<HeaderName>, &'static str> {
    let values = response.headers.get_all(header::CONNECTION).iter();
    let options = values.flat_map(|value: &HeaderValue| value.as_bytes().split(|&byte| byte == b','));
    let mut names = vec![header::CONNECTION];
    for option in options.map(<[u8]>::trim_ascii).filter(|option| !option.is_empty()) {
        let name = HeaderName::from_bytes(option).map_err(|_| "a Connection option that is not a name")?;
        // Without it the body would end elsewhere.
        if name == header::CONTENT_LENGTH || name == header::TRANSFER_ENCODING {
            return Err("a Connection option that is the length of the body");
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        response.set_version(Version::HTTP_11);
        for (name, value) in fields {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    #[test]
    fn a_response_has_one_length() {
        for fields in [&[("Content-Length", "5")][..], &[("Transfer-Encoding", "Chunked")], &[]] {
            assert_eq!(check(&mut response(200, fields), false), Ok(()), "{fields:?}");
        }
        for fields in [
            &[("Content-Length", "5"), ("Content-Length", "5")][..],
            &[("Content-Length", "5, 5")],
            &[("Content-Length", "+5")],
            &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
            &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
            &[("Transfer-Encoding", "gzip, chunked")],
            &[("Transfer-Encoding", "identity")],
            &[("Content-Length", "5"), ("Connection", "close, content-length")],
            &[("Transfer-Encoding", "chunked"), ("Connection", "Transfer-Encoding")],
        ] {
            assert!(check(&mut response(200, fields), false).is_err(), "{fields:?}");
        }
        let mut old = response(200, &[("Transfer-Encoding", "chunked")]);
        old.set_version(Version::HTTP_10);
        assert!(check(&mut old, false).is_err());
    }

    #[test]
    fn what_connection_names_is_removed() {
        let fields = [
            ("Connection", "close, X-Internal"),
            ("Connection", " x-debug ,"),
            ("X-Internal", "1"),
            ("X-Debug", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Upgrade", "h2c"),
            ("X-Kept", "1"),
        ];
        let mut response = response(200, &fields);
        check(&mut response, false).unwrap();
        let left: Vec<_> = response.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-kept"]);
    }

    #[test]
    fn a_101_has_to_be_asked_for() {
        let websocket = [("Connection", "Upgrade"), ("Upgrade", "WebSocket")];
        let mut switched = response(101, &websocket);
        assert_eq!(check(&mut switched, true), Ok(()));
        assert_eq!(switched.headers.len(), 2);
        assert!(check(&mut response(101, &websocket), false).is_err());
        assert!(check(&mut response(101, &[("Upgrade", "h2c")]), true).is_err());
        assert!(check(&mut response(101, &[]), true).is_err());
    }
}
