//! The key under which a request is counted.

use std::{fmt::Write as _, net::IpAddr};

use crate::{
    gate::{
        identity::Identity,
        rules::{
            rate_limit::{KeyPart, RateLimit},
            route::Route,
        },
    },
    network::Network,
};

/// The name of a limit, followed by the parts of its key. Each part is marked, so that no value can be taken for
/// another part.
#[derive(Debug)]
pub struct Key {
    text: String,
    parts_at: usize,
}

impl Key {
    /// The key of `limit` for this caller.
    pub fn of(limit: &RateLimit, route: &Route, caller: Option<&Identity>, address: IpAddr) -> Self {
        let mut text = String::with_capacity(160);
        text.push_str(&limit.name);
        text.push('\n');
        let parts_at = text.len();
        write_parts(&mut text, limit, route, caller, address);
        Self { text, parts_at }
    }

    /// The name of the limit and the parts.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The parts without the name.
    pub(super) fn parts(&self) -> &str {
        &self.text[self.parts_at..]
    }
}

fn write_parts(key: &mut String, limit: &RateLimit, route: &Route, caller: Option<&Identity>, address: IpAddr) {
    for (index, part) in limit.key.iter().enumerate() {
        if index > 0 {
            key.push('|');
        }
        let session = caller.and_then(Identity::session);
        let written = match (part, caller, session) {
            (KeyPart::Route, ..) => write!(key, "route={}", route.id),
            (KeyPart::Session, _, Some(session)) => {
                write!(key, "session={}:{session}", caller.map_or("", |caller| &caller.issuer))
            }
            (KeyPart::User | KeyPart::Session, Some(caller), _) => {
                write!(key, "user={}:{}", caller.issuer, caller.subject())
            }
            (KeyPart::Ip, ..) | (KeyPart::User | KeyPart::Session, None, _) => write!(key, "ip={}", Network(address)),
        };
        written.expect("a String takes any text");
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use time::OffsetDateTime;

    use super::*;
    use crate::gate::{testing, verify};

    fn counted(address: &str, parts: &[KeyPart]) -> String {
        counted_of(None, "app", address, parts)
    }

    fn counted_of(caller: Option<&Identity>, route: &str, address: &str, parts: &[KeyPart]) -> String {
        let limit = RateLimit {
            key: parts.to_vec(),
            ..testing::rate_limit(1, Duration::from_secs(1))
        };
        let key = Key::of(
            &limit,
            &testing::route(route, "", "/**", &[]),
            caller,
            address.parse().unwrap(),
        );
        key.parts().to_owned()
    }

    #[test]
    fn addresses_of_one_subscriber_count_as_one() {
        let ip = &[KeyPart::Ip];
        assert_eq!(counted("2001:db8:1:2:3::4", ip), counted("2001:db8:1:2:ffff::1", ip));
        assert_ne!(counted("2001:db8:1:2::1", ip), counted("2001:db8:1:3::1", ip));
        assert_eq!(counted("::ffff:192.0.2.1", ip), counted("192.0.2.1", ip));
        assert_ne!(counted("192.0.2.1", ip), counted("192.0.2.2", ip));
    }

    fn caller(issuer: &str, subject: &str, session: &str) -> Identity {
        let mut rules = testing::rules(vec![]);
        let accepted = testing::issuer_rules(issuer, "app");
        rules.issuers.insert(issuer.into(), Arc::new(accepted));
        let claims = serde_json::json!({ "iss": issuer, "aud": "app", "sub": subject, "sid": session, "exp": 1000 });
        verify::without_signature(claims, &rules, OffsetDateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_pair_counts_each_combination_for_itself() {
        use KeyPart::{Ip, Route, Session, User};
        let (here, there) = ("192.0.2.1", "192.0.2.2");
        let alice = caller("https://a.test", "alice", "s1");
        let phone = caller("https://a.test", "alice", "s2");
        let bob = caller("https://a.test", "bob", "s3");
        let namesake = caller("https://b.test", "alice", "s1");
        let all = |parts: &[KeyPart]| {
            let mut keys = std::collections::BTreeSet::new();
            for caller in [&alice, &phone, &bob, &namesake] {
                for route in ["app", "wiki"] {
                    for address in [here, there] {
                        keys.insert(counted_of(Some(caller), route, address, parts));
                    }
                }
            }
            keys.len()
        };
        // Four sessions of three people, two routes, two addresses.
        for (parts, combinations) in [
            (&[Ip][..], 2),
            (&[User], 3),
            (&[Session], 4),
            (&[Route], 2),
            (&[Ip, User], 6),
            (&[User, Route], 6),
            (&[Session, Route], 8),
            (&[Ip, Route], 4),
            (&[Ip, Session], 8),
        ] {
            assert_eq!(all(parts), combinations, "{parts:?}");
        }
    }

    #[test]
    fn an_anonymous_caller_is_counted_by_address() {
        assert_eq!(
            counted("192.0.2.1", &[KeyPart::User, KeyPart::Route]),
            "ip=192.0.2.1|route=app"
        );
    }
}
