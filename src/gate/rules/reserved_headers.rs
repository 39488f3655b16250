//! Reserved header names: only Sidegate may send them upstream.

use std::collections::HashMap;

use http::{HeaderName, header};

use super::identity_headers::Preset;

/// The reserved names, compared in lower case and with every byte that is not alphanumeric as `-`: CGI, WSGI and PHP
/// convert `X_Forwarded_User` and `X.Forwarded.User` to the same variable as `X-Forwarded-User`.
#[derive(Debug, Clone, Default)]
pub struct Family {
    folded: HashMap<Box<[u8]>, Class>,
    longest: usize,
    /// The first bytes of the names of each length, which rule out most headers of a request.
    first: [u32; SHORT],
}

/// From this length on only the table is used.
const SHORT: usize = 32;

/// Why a name is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It identifies the caller.
    Identity,
    /// It describes the origin of the request, or makes the application treat it as another request.
    Forwarding,
}

/// Identity headers of our presets and of the proxies that Sidegate replaces: reserved whatever is configured.
const IDENTITY: [&str; 9] = [
    "x-sidegate-assertion",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-forwarded-access-token",
    "x-auth-subject",
    "x-remote-user",
];

/// Headers about the request's origin. Some make frameworks use another path or method than the one that was authorized
/// (`X-Original-URL` of IIS and Symfony, `X-HTTP-Method-Override`), and `Proxy` becomes `HTTP_PROXY` in CGI
/// ("httpoxy").
const FORWARDING: [&str; 30] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-original-host",
    "x-envoy-original-path",
    "x-forwarded-path",
    "x-forwarded-method",
    "x-forwarded-protocol",
    "x-http-host-override",
    "x-url-scheme",
    "front-end-https",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "proxy",
];

impl Family {
    /// The reserved names: those of every preset, and those that the operator `added`.
    pub fn new<'a>(added: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let mut family = Self::default();
        for name in FORWARDING {
            family.insert(name, Class::Forwarding);
        }
        for planned in Preset::ALL.into_iter().flat_map(Preset::headers) {
            family.insert(planned.name.as_str(), Class::Identity);
        }
        for name in IDENTITY.into_iter().chain(added.into_iter().map(HeaderName::as_str)) {
            family.insert(name, Class::Identity);
        }
        family
    }

    fn insert(&mut self, name: &str, class: Class) {
        self.longest = self.longest.max(name.len());
        if let Some(first) = self.first.get_mut(name.len()) {
            *first |= first_of(name);
        }
        self.folded.insert(name.bytes().map(fold).collect(), class);
    }

    /// Whether `name` is reserved, or an application could take it for a reserved one.
    pub fn class(&self, name: &str) -> Option<Class> {
        if name.len() > self.longest {
            return None;
        }
        if self
            .first
            .get(name.len())
            .is_some_and(|first| first & first_of(name) == 0)
        {
            return None;
        }
        // Nearly every name fits, so that the hot path does not allocate.
        let mut buffer = [0_u8; 64];
        let Some(folded) = buffer.get_mut(..name.len()) else {
            return self
                .folded
                .get(name.bytes().map(fold).collect::<Box<[u8]>>().as_ref())
                .copied();
        };
        for (slot, byte) in folded.iter_mut().zip(name.bytes()) {
            *slot = fold(byte);
        }
        self.folded.get(&*folded).copied()
    }
}

/// The first byte of a name as one of 27 bits; digits and signs share one.
fn first_of(name: &str) -> u32 {
    match name.bytes().next().map(fold) {
        Some(byte @ b'a'..=b'z') => 1 << (byte - b'a'),
        _ => 1 << 26,
    }
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// Whether an operator can use `name` for an identity header: not one that frames, routes or authenticates the request
/// itself.
pub fn may_be_added(name: &HeaderName) -> bool {
    const NEVER: [HeaderName; 14] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::COOKIE,
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
        header::FORWARDED,
        header::EXPECT,
        header::CONTENT_TYPE,
    ];
    !NEVER.contains(name)
        && !FORWARDING.contains(&name.as_str())
        && !["x-request-id", "traceparent", "tracestate", "keep-alive"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_an_application_could_confuse_are_one_family() {
        let family = Family::new([&HeaderName::from_static("x-tenant")]);
        for name in [
            "x-forwarded-user",
            "X-Forwarded-User",
            "x_forwarded_user",
            "X.Forwarded~User",
            "x-tenant",
            "X_TENANT",
        ] {
            assert_eq!(family.class(name), Some(Class::Identity), "{name}");
        }
    }

    #[test]
    fn a_near_miss_is_not_of_the_family() {
        let family = Family::new([]);
        for name in [
            "x-forwarded-users",
            "x-forwarded",
            "xforwardeduser",
            "user-agent",
            "x-tenant",
        ] {
            assert_eq!(family.class(name), None, "{name}");
        }
        assert_eq!(family.class(&"x".repeat(5000)), None);
        assert_eq!(family.class("X_Forwarded_For"), Some(Class::Forwarding));
    }

    #[test]
    fn a_name_longer_than_the_buffer_is_still_found() {
        let long = "x-".to_owned() + &"a".repeat(90);
        let name = HeaderName::from_bytes(long.as_bytes()).unwrap();
        let family = Family::new([&name]);
        assert_eq!(family.class(&long.replace('-', "_")), Some(Class::Identity));
        assert_eq!(family.class(&(long + "a")), None);
    }
}

#[cfg(test)]
mod properties;
