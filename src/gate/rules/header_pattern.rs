//! Patterns for the names of headers: `X-WebAuth-User`, or with `*` at the end all names that begin like it.

use std::str::FromStr;

use http::HeaderName;

/// A name, or the beginning of names; compared as [`fold`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPattern {
    pub(super) folded: Box<[u8]>,
    pub(super) is_prefix: bool,
}

/// The shortest beginning of a name: `X*` would be a mistake.
const SHORTEST_PREFIX: usize = 3;

/// What other proxies and identity providers call the caller, by default: an application that knows one of them trusts
/// these headers.
pub const OF_OTHER_PROXIES: [&str; 19] = [
    // Envoy, Istio: the client's certificate.
    "X-Forwarded-Client-Cert",
    // RFC 9440; nginx, Traefik.
    "Client-Cert*",
    "X-Client-Cert*",
    "SSL-Client-*",
    "X-SSL-Client-*",
    // oauth2-proxy.
    "X-Auth-Request-*",
    // Grafana and others.
    "X-WebAuth-*",
    "X-Remote-*",
    "X-Authentik-*",
    "X-Pomerium-*",
    // mod_auth_openidc.
    "OIDC-*",
    // Kong.
    "X-Consumer-*",
    "X-Credential-*",
    "Tailscale-*",
    // Cloudflare: Cf-Access-Jwt-Assertion, Cf-Connecting-IP.
    "Cf-*",
    // Google Cloud, AWS, Azure.
    "X-Goog-Authenticated-User-*",
    "X-Goog-Iap-*",
    "X-Amzn-Oidc-*",
    "X-Ms-Client-Principal*",
];

/// The error for a text that is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a header, or at least {SHORTEST_PREFIX} characters of one and `*`")]
pub struct NotAPattern;

impl FromStr for HeaderPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        // `*` is a character of names, too, and would be one that nobody means.
        if name.contains('*') || HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(NotAPattern);
        }
        if is_prefix && name.len() < SHORTEST_PREFIX {
            return Err(NotAPattern);
        }
        Ok(Self {
            folded: name.bytes().map(fold).collect(),
            is_prefix,
        })
    }
}

impl HeaderPattern {
    /// Whether a header of this name fits.
    pub fn matches(&self, name: &str) -> bool {
        let mut bytes = name.bytes().map(fold);
        let begins = self.folded.iter().all(|&byte| bytes.next() == Some(byte));
        begins && (self.is_prefix || bytes.next().is_none())
    }
}

/// A byte of a name as names are compared: in lower case, and every byte that is not alphanumeric as `-`. CGI, WSGI and
/// PHP convert `X_Forwarded_User` and `X.Forwarded.User` to the same variable as `X-Forwarded-User`.
pub(super) fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_the_beginning_of_names_in_any_spelling() {
        let whole: HeaderPattern = "X-WebAuth-User".parse().unwrap();
        let beginning: HeaderPattern = "Cf-*".parse().unwrap();
        for name in ["x-webauth-user", "X_WEBAUTH_USER", "X.WebAuth-User"] {
            assert!(whole.matches(name), "{name}");
        }
        for name in ["x-webauth-use", "x-webauth-user2", "x-webauth-user-"] {
            assert!(!whole.matches(name), "{name}");
        }
        for name in ["cf-ray", "CF_Connecting_IP", "cf-"] {
            assert!(beginning.matches(name), "{name}");
        }
        for name in ["cf", "cfx", "x-cf-ray", ""] {
            assert!(!beginning.matches(name), "{name}");
        }
    }

    #[test]
    fn a_pattern_that_would_remove_nearly_everything_is_refused() {
        for text in ["", "*", "X*", "X-*", "X-A*-B", "X-A**", "a b", "é*"] {
            assert_eq!(text.parse::<HeaderPattern>(), Err(NotAPattern), "{text}");
        }
        assert!("x-a*".parse::<HeaderPattern>().is_ok());
    }
}
