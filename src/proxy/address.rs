//! Finds the client IP of a request.
//!
//! Any client can send `X-Forwarded-*`, so they are trusted only from peers in `trusted_proxies`. The list is read from
//! the right: the last entry was written by the peer, the one before it by the previous proxy if that is trusted too,
//! and the first address that is not trusted is the client.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The origin of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client IP.
    pub(super) address: IpAddr,
    /// Whether the peer is a trusted proxy, whose request id and trace are used.
    pub(super) trusted_peer: bool,
    /// Whether the client used TLS, to Sidegate or to the trusted proxy.
    pub(super) secure: bool,
    /// The addresses for `X-Forwarded-For`: the trusted entries, then the peer.
    pub(super) chain: String,
}

impl Origin {
    /// The scheme, for `X-Forwarded-Proto`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// Finds the origin of a request.
pub(super) fn origin(peer: IpAddr, tls: bool, headers: &HeaderMap, trusted: &[IpNet]) -> Origin {
    let peer = peer.to_canonical();
    let trusts = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !trusts(peer) {
        return Origin {
            address: peer,
            trusted_peer: false,
            secure: tls,
            chain: peer.to_string(),
        };
    }
    let mut believed = vec![peer];
    let mut said = headers.get_all("x-forwarded-for").iter().collect::<Vec<_>>();
    said.reverse();
    'walk: for field in said {
        for entry in field.to_str().unwrap_or_default().rsplit(',') {
            // A malformed entry ends the search, because the entries left of it cannot be checked.
            let Some(address) = parse(entry.trim()) else {
                break 'walk;
            };
            believed.push(address);
            if !trusts(address) {
                break 'walk;
            }
        }
    }
    // The last entry of the last field is that of the nearest proxy: one that appends a field of its own leaves the
    // client's before it.
    let secure = headers
        .get_all("x-forwarded-proto")
        .iter()
        .next_back()
        .map_or(tls, |proto| {
            let last = proto.to_str().unwrap_or_default().rsplit(',').next();
            last.unwrap_or_default().trim().eq_ignore_ascii_case("https")
        });
    let address = *believed.last().expect("it holds the peer");
    let chain = believed
        .iter()
        .rev()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    Origin {
        address,
        trusted_peer: true,
        secure,
        chain,
    }
}

/// Parses `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]:1234`.
fn parse(entry: &str) -> Option<IpAddr> {
    let plain = entry.parse::<IpAddr>().ok();
    plain
        .or_else(|| entry.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, fields: &[&str]) -> Origin {
        with(peer, false, "x-forwarded-for", fields)
    }

    fn with(peer: &str, tls: bool, name: &'static str, fields: &[&str]) -> Origin {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in fields {
            headers.append(name, value.parse().unwrap());
        }
        origin(peer.parse().unwrap(), tls, &headers, &trusted)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let origin = from("192.0.2.9", &["1.1.1.1"]);
        assert_eq!(
            (origin.address.to_string(), origin.chain.as_str()),
            ("192.0.2.9".into(), "192.0.2.9")
        );
        assert!(!origin.trusted_peer);
    }

    #[test]
    fn the_chain_is_walked_from_the_right_to_the_first_stranger() {
        let origin = from("10.0.0.1", &["6.6.6.6, 192.0.2.7, 10.0.0.2"]);
        assert_eq!(
            origin.address.to_string(),
            "192.0.2.7",
            "what a client wrote itself stands further left"
        );
        assert_eq!(origin.chain, "192.0.2.7, 10.0.0.2, 10.0.0.1");
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(
            from("10.0.0.1", &["6.6.6.6", "192.0.2.7"]).address.to_string(),
            "192.0.2.7"
        );
    }

    #[test]
    fn the_search_goes_on_in_the_field_before() {
        let origin = from("10.0.0.1", &["6.6.6.6", "192.0.2.7, 10.0.0.3", "10.0.0.2"]);
        assert_eq!(origin.address.to_string(), "192.0.2.7");
        assert_eq!(origin.chain, "192.0.2.7, 10.0.0.3, 10.0.0.2, 10.0.0.1");
        let malformed = from("10.0.0.1", &["192.0.2.7", "unknown, 10.0.0.3", "10.0.0.2"]);
        assert_eq!(
            malformed.chain, "10.0.0.3, 10.0.0.2, 10.0.0.1",
            "in a field before, too"
        );
    }

    #[test]
    fn the_scheme_is_the_last_entry_of_the_last_field() {
        let secure = |tls, fields: &[&str]| with("10.0.0.1", tls, "x-forwarded-proto", fields).secure;
        assert!(!secure(false, &["https", "http"]), "the client's field stands first");
        assert!(secure(false, &["http", "https"]));
        assert!(secure(false, &["http", "http, HTTPS "]));
        assert!(!secure(true, &["https", ""]), "an empty one says nothing good");
        assert!(secure(true, &[]) && !secure(false, &[]));
        assert!(!with("192.0.2.9", false, "x-forwarded-proto", &["https"]).secure);
    }

    #[test]
    fn a_malformed_address_ends_the_search() {
        assert_eq!(
            from("10.0.0.1", &["192.0.2.7, unknown, 10.0.0.2"]).address.to_string(),
            "10.0.0.2"
        );
        assert_eq!(from("10.0.0.1", &[""]).address.to_string(), "10.0.0.1");
    }

    #[test]
    fn ports_and_mapped_addresses_are_read() {
        assert_eq!(
            from("::ffff:10.0.0.1", &["192.0.2.7:5000"]).address.to_string(),
            "192.0.2.7"
        );
        assert_eq!(
            from("10.0.0.1", &["[2001:db8::1]:5000"]).address.to_string(),
            "2001:db8::1"
        );
    }
}
