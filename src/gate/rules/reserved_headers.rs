//! Reserved header names: only Sidegate may send them upstream.

use std::collections::HashMap;

use http::{HeaderName, header};

use super::{
    header_pattern::{HeaderPattern, fold},
    identity_headers::Preset,
};

/// The reserved names, compared as [`fold`] says.
#[derive(Debug, Clone, Default)]
pub struct Family {
    folded: HashMap<Box<[u8]>, Class>,
    longest: usize,
    /// The first bytes of the names of each length, which rule out most headers of a request.
    first: [u32; SHORT],
    /// The beginnings of reserved names.
    prefixes: Vec<HeaderPattern>,
    /// For each first byte of a prefix the second ones, which rule out most headers too.
    second: [u32; PLACES],
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

/// Identity headers that are reserved whatever is configured; those of other proxies are in [`OF_OTHER_PROXIES`], which
/// the configuration can replace.
///
/// [`OF_OTHER_PROXIES`]: super::header_pattern::OF_OTHER_PROXIES
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

    /// These names, and those that fit the patterns.
    #[must_use]
    pub fn stripping(mut self, patterns: impl IntoIterator<Item = HeaderPattern>) -> Self {
        for pattern in patterns {
            if !pattern.is_prefix {
                self.insert_folded(&pattern.folded, Class::Identity);
            } else if let [first, second, ..] = *pattern.folded {
                self.second[place(first)] |= 1 << place(second);
                self.prefixes.push(pattern);
            }
        }
        self
    }

    fn insert(&mut self, name: &str, class: Class) {
        self.insert_folded(&name.bytes().map(fold).collect::<Box<[u8]>>(), class);
    }

    fn insert_folded(&mut self, name: &[u8], class: Class) {
        self.longest = self.longest.max(name.len());
        if let Some(first) = self.first.get_mut(name.len()) {
            *first |= first_of(name);
        }
        // A name that describes the origin, too, is removed in any case.
        self.folded.entry(name.into()).or_insert(class);
    }

    /// Whether `name` is reserved, or an application could take it for a reserved one.
    pub fn class(&self, name: &str) -> Option<Class> {
        self.class_by_name(name).or_else(|| self.class_by_prefix(name))
    }

    fn class_by_prefix(&self, name: &str) -> Option<Class> {
        let &[first, second, ..] = name.as_bytes() else {
            return None;
        };
        if self.second[place(first)] & 1 << place(second) == 0 {
            return None;
        }
        let fits = self.prefixes.iter().any(|prefix| prefix.matches(name));
        fits.then_some(Class::Identity)
    }

    fn class_by_name(&self, name: &str) -> Option<Class> {
        if name.len() > self.longest {
            return None;
        }
        if self
            .first
            .get(name.len())
            .is_some_and(|first| first & first_of(name.as_bytes()) == 0)
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

/// The number of values of [`place`].
const PLACES: usize = 27;

/// The first byte of a name as one of 27 bits.
fn first_of(name: &[u8]) -> u32 {
    1 << name.first().map_or(PLACES - 1, |&byte| place(byte))
}

/// The place of a byte in the alphabet; digits and signs share the one after z.
fn place(byte: u8) -> usize {
    match fold(byte) {
        byte @ b'a'..=b'z' => usize::from(byte - b'a'),
        _ => PLACES - 1,
    }
}

/// Headers that frame, route or authenticate the request itself.
const OF_THE_REQUEST: [HeaderName; 14] = [
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

/// Whether an operator can have headers of this pattern removed: not one that frames, routes or authenticates the
/// request itself.
pub fn may_be_stripped(pattern: &HeaderPattern) -> bool {
    !OF_THE_REQUEST.iter().any(|name| pattern.matches(name.as_str()))
}

/// Whether an operator can use `name` for an identity header: not one that frames, routes or authenticates the request
/// itself.
pub fn may_be_added(name: &HeaderName) -> bool {
    !OF_THE_REQUEST.contains(name)
        && !FORWARDING.contains(&name.as_str())
        && !["x-request-id", "traceparent", "tracestate", "keep-alive"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::rules::header_pattern::OF_OTHER_PROXIES;

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

    /// A configuration without a list of its own.
    fn default() -> Family {
        Family::new([]).stripping(OF_OTHER_PROXIES.map(|pattern| pattern.parse().unwrap()))
    }

    #[test]
    fn names_of_other_proxies_are_of_the_family_by_default() {
        let family = default();
        for name in [
            "X-Forwarded-Client-Cert",
            "x_forwarded_client_cert",
            "X-Authentik-Username",
            "x_authentik_jwt",
            "X-WebAuth-User",
            "Cf-Access-Jwt-Assertion",
            "CF.Connecting.IP",
            "OIDC_CLAIM_sub",
            "Remote-User",
        ] {
            assert_eq!(family.class(name), Some(Class::Identity), "{name}");
        }
        for name in [
            "x-authentic-username",
            "cfg-a",
            "x-webauthn",
            "oidc",
            "c",
            "",
            "x-goog-api-key",
        ] {
            assert_eq!(family.class(name), None, "{name}");
        }
        assert_eq!(family.class("x-forwarded-for"), Some(Class::Forwarding));
    }

    #[test]
    fn headers_that_every_client_sends_are_of_no_family() {
        let family = default();
        for name in [
            "accept",
            "accept-encoding",
            "authorization",
            "cache-control",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "host",
            "if-none-match",
            "origin",
            "range",
            "referer",
            "sec-fetch-site",
            "te",
            "traceparent",
            "user-agent",
            "x-api-key",
            "x-csrf-token",
            "x-request-id",
            "x-requested-with",
        ] {
            assert_eq!(family.class(name), None, "{name}");
        }
    }

    #[test]
    fn a_header_that_frames_routes_or_authenticates_the_request_is_not_stripped() {
        for pattern in ["Content-*", "Cookie", "con*", "Host", "Authorization", "auth*"] {
            assert!(!may_be_stripped(&pattern.parse().unwrap()), "{pattern}");
        }
        for pattern in OF_OTHER_PROXIES {
            assert!(may_be_stripped(&pattern.parse().unwrap()), "{pattern}");
        }
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
