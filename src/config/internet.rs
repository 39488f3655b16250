//! Recognizes lists of networks that trust nearly everyone.

use ipnet::{IpNet, Ipv6Net};

/// The IPv6 addresses that are routed on the internet (RFC 4291 section 2.4, IANA's list of global unicast addresses).
const GLOBAL_UNICAST: &str = "2000::/3";

/// Whether the networks together contain half of all IPv4 addresses or more, or half of all global IPv6 addresses: those
/// are not somebody's proxies, however the list is divided.
pub(super) fn is_half_of_it(networks: &[IpNet]) -> bool {
    let global: Ipv6Net = GLOBAL_UNICAST.parse().expect("it is a network");
    let (mut ipv4, mut ipv6) = (0_u64, 0_u128);
    // Without overlaps, so that nothing is counted twice.
    for network in IpNet::aggregate(&networks.to_vec()) {
        match network {
            IpNet::V4(network) => ipv4 += 1 << (32 - network.prefix_len()),
            IpNet::V6(network) if global.contains(&network) => ipv6 += 1 << (128 - network.prefix_len()),
            IpNet::V6(network) if network.contains(&global) => ipv6 = 1 << (128 - global.prefix_len()),
            IpNet::V6(_) => {}
        }
    }
    ipv4 >= 1 << 31 || ipv6 >= 1 << 124
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(networks: &str) -> bool {
        let networks: Vec<IpNet> = networks.split(' ').map(|network| network.parse().unwrap()).collect();
        is_half_of_it(&networks)
    }

    #[test]
    fn a_list_is_everyone_however_it_is_divided() {
        for everyone in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1 128.0.0.0/1",
            "0.0.0.0/1",
            "::/1",
            "::/1 8000::/1",
            "2000::/3",
            "2000::/4",
            "2000::/5 3000::/5",
            "10.0.0.0/8 0.0.0.0/2 64.0.0.0/2",
            "128.0.0.0/2 192.0.0.0/3 224.0.0.0/4 240.0.0.0/5 248.0.0.0/5",
        ] {
            assert!(half(everyone), "{everyone}");
        }
    }

    #[test]
    fn private_networks_and_those_of_a_large_provider_are_not_everyone() {
        for some in [
            "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 100.64.0.0/10",
            "fc00::/7 fe80::/10 ::1/128 8000::/1",
            "0.0.0.0/2 64.0.0.0/3",
            "0.0.0.0/2 0.0.0.0/2 0.0.0.0/3",
            "2000::/5 2001:db8::/32",
            "2000::/5 3000::/6",
        ] {
            assert!(!half(some), "{some}");
        }
        assert!(!is_half_of_it(&[]));
    }
}
