//! Listen addresses, trusted networks, upstream servers, and URLs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use super::{unexpected, written_as_text};

/// An IP address and a port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

const LISTEN: &str = "an IP address and a port such as 0.0.0.0:8080 or [::]:8080";

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| unexpected(LISTEN, text))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(ListenAddress, "ListenAddress", LISTEN, r".+:[0-9]{1,5}");

/// A network, or a single IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(pub IpNet);

const NETWORK: &str = "a network such as 10.0.0.0/8 or fd00::/8, or one address";

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        let network: IpNet = text.parse().map_err(|_| unexpected(NETWORK, text))?;
        if network.trunc() != network {
            // 10.1.2.3/8 is a mistake more often than intended, and the difference is sixteen million hosts.
            return Err(unexpected(
                &format!("a network without host bits such as {}", network.trunc()),
                text,
            ));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(Network, "Network", NETWORK, r"[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?");

/// The scheme, host and port of a server: `http://wiki:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Whether to use TLS.
    pub tls: bool,
    /// Host name or IP address; IPv6 without brackets.
    pub host: String,
    /// Port; 80 or 443 by default.
    pub port: u16,
}

const SERVER: &str = "a server such as http://wiki:8080, without a path";

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: Url = text.parse().map_err(|_| without_userinfo(SERVER, text))?;
        let authority = url.uri.authority().expect("a Url has an authority");
        if !matches!(
            url.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            None | Some("/" | "")
        ) || text.ends_with('/')
        {
            return Err(without_userinfo(SERVER, text));
        }
        let tls = url.uri.scheme_str() == Some("https");
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Ok(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

written_as_text!(Server, "Server", SERVER, r"https?://[^/?#@]+");

/// An absolute `http` or `https` URL without user information, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    uri: http::Uri,
    /// As written: an issuer is compared byte by byte, and `http::Uri` would add or remove a trailing `/`.
    text: String,
}

const URL: &str = "a URL such as https://gw.example.com";

impl Url {
    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Host in lower case, without port.
    pub fn host(&self) -> String {
        self.uri.host().unwrap_or_default().to_ascii_lowercase()
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || without_userinfo(URL, text);
        if text.contains(['#', '?', '@', ' ', '\\']) {
            return Err(wrong());
        }
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().unwrap_or_default();
        let port_is_number = uri.authority().is_some_and(|authority| {
            authority.as_str().len() == host.len() || authority.port_u16().is_some_and(|port| port > 0)
        });
        if !matches!(uri.scheme_str(), Some("http" | "https")) || host.is_empty() || !port_is_number {
            return Err(wrong());
        }
        Ok(Self {
            uri,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

written_as_text!(Url, "Url", URL, r"https?://[^?#@\s]+");

/// The message, without what could be a password.
fn without_userinfo(expected: &str, text: &str) -> String {
    if text.contains('@') {
        format!("expected {expected}, without user and password")
    } else {
        unexpected(expected, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_scheme_host_and_port() {
        let server = |text: &str| text.parse::<Server>();
        assert_eq!(server("http://wiki:8080").unwrap().to_string(), "http://wiki:8080");
        assert_eq!(server("https://wiki").unwrap().port, 443);
        assert_eq!(server("http://[::1]:80").unwrap().host, "::1");
        for text in [
            "wiki:8080",
            "http://",
            "http://wiki/app",
            "http://wiki/",
            "ftp://wiki",
            "http://wiki:99999",
            "http://wiki:",
            "http://wiki?x",
        ] {
            assert_eq!(
                server(text).unwrap_err(),
                format!("expected a server such as http://wiki:8080, without a path, got {text:?}")
            );
        }
        assert!(!server("http://user:hunter2@wiki").unwrap_err().contains("hunter2"));
    }

    #[test]
    fn a_url_comes_out_as_it_went_in() {
        for text in [
            "https://gw.example.com",
            "https://gw.example.com/realms/a",
            "http://127.0.0.1:8080",
            "https://a/",
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), text);
        }
        for text in ["gw.example.com", "https://", "https://a?b", "https://a#b", "/auth", ""] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_with_host_bits_is_refused() {
        assert_eq!("127.0.0.1".parse::<Network>().unwrap().to_string(), "127.0.0.1/32");
        assert_eq!(
            "10.1.2.3/8".parse::<Network>().unwrap_err(),
            r#"expected a network without host bits such as 10.0.0.0/8, got "10.1.2.3/8""#
        );
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }

    #[test]
    fn a_listen_address_is_numeric() {
        assert!("[::]:8080".parse::<ListenAddress>().is_ok());
        for text in ["8080", ":8080", "localhost:8080", "0.0.0.0"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
