//! Recognizes a device without a device token, by its network and user agent.

use std::net::IpAddr;

use ring::digest::{Context, SHA256};

/// SHA-256 of the network and the user agent. The network is an IPv4 address, or the first 64 bits of an IPv6 address,
/// because a subscriber has all addresses below.
pub fn fingerprint(address: Option<IpAddr>, user_agent: Option<&str>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    match address {
        None => hash.update(&[0]),
        Some(IpAddr::V4(address)) => {
            hash.update(&[4]);
            hash.update(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            hash.update(&[6]);
            hash.update(&address.octets()[..8]);
        }
    }
    match user_agent {
        None => hash.update(&[0]),
        Some(agent) => {
            hash.update(&[1]);
            hash.update(agent.as_bytes());
        }
    }
    hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_in_one_ipv6_network_is_the_same_and_every_other_difference_counts() {
        let of = |address: &str, agent: Option<&str>| fingerprint(Some(address.parse().unwrap()), agent);
        let home = of("2001:db8:1:2::3", Some("Firefox"));
        assert_eq!(home, of("2001:db8:1:2:ffff::9", Some("Firefox")));
        assert_ne!(home, of("2001:db8:1:3::3", Some("Firefox")));
        assert_ne!(home, of("2001:db8:1:2::3", Some("curl")));
        assert_ne!(home, of("2001:db8:1:2::3", None));
        assert_ne!(of("192.0.2.7", None), of("192.0.2.8", None));
        assert_ne!(of("192.0.2.7", None), fingerprint(None, None));
    }
}
