//! Who is calling, as headers that the application can trust.
//!
//! Trust has two halves: our headers are written from the verified token, and every header a client could forge is removed
//! first, on every route, public ones too, also when we then set nothing.

use std::collections::HashSet;

use http::{HeaderName, header};

/// Which headers a route sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order in which they are written.
    pub headers: Vec<Planned>,
}

/// One header to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name as written on the wire.
    pub name: HeaderName,
    /// Where its value comes from.
    pub source: Source,
}

/// Where the value of an identity header comes from. An absent or empty value sends no header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `sub`.
    Subject,
    /// `email`, if `email_verified` is true.
    VerifiedEmail,
    /// `preferred_username`.
    PreferredUsername,
    /// The roles, joined by a comma.
    Roles,
    /// `sid`.
    Session,
    /// Any claim (a dotted path into objects); a list is joined.
    Claim {
        /// The claim's path.
        name: Box<str>,
        /// What stands between the items of a list.
        join: Box<str>,
    },
}

/// A ready-made plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `X-Forwarded-User`, `-Email`, `-Preferred-Username`, `-Groups` and `X-Auth-Session`.
    Oauth2Proxy,
    /// `Remote-User`, `Remote-Email`, `Remote-Name`, `Remote-Groups` and `X-Auth-Session`.
    Authelia,
    /// Nothing but what `add` says.
    None,
}

impl Preset {
    /// All presets: the names of each are removed from requests, whichever one is in use.
    pub const ALL: [Self; 3] = [Self::Oauth2Proxy, Self::Authelia, Self::None];

    /// The headers of the preset.
    pub fn headers(self) -> Vec<Planned> {
        let planned = |name: &'static str, source| Planned {
            name: HeaderName::from_static(name),
            source,
        };
        let names = match self {
            Self::Oauth2Proxy => [
                "x-forwarded-user",
                "x-forwarded-email",
                "x-forwarded-preferred-username",
                "x-forwarded-groups",
            ],
            Self::Authelia => ["remote-user", "remote-email", "remote-name", "remote-groups"],
            Self::None => return Vec::new(),
        };
        vec![
            planned(names[0], Source::Subject),
            planned(names[1], Source::VerifiedEmail),
            planned(names[2], Source::PreferredUsername),
            planned(names[3], Source::Roles),
            planned("x-auth-session", Source::Session),
        ]
    }
}

/// The names that only we may send upstream, compared in lower case with every byte that is no letter or digit read as `-`:
/// CGI, WSGI and PHP turn `X_Forwarded_User` and `X.Forwarded.User` into the same variable as `X-Forwarded-User`.
#[derive(Debug, Clone, Default)]
pub struct Family {
    folded: HashSet<Box<[u8]>>,
    longest: usize,
}

/// Always in the family, whatever is configured: what presets of ours and of the proxies we replace use for identity.
const ALWAYS: [&str; 8] = [
    "x-sidegate-assertion",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "x-forwarded-access-token",
    "x-auth-subject",
];

impl Family {
    /// The family of every preset and of the names that `added` by the operator.
    pub fn new<'a>(added: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let mut family = Self::default();
        for preset in Preset::ALL {
            for planned in preset.headers() {
                family.insert(planned.name.as_str());
            }
        }
        for name in ALWAYS {
            family.insert(name);
        }
        for name in added {
            family.insert(name.as_str());
        }
        family
    }

    fn insert(&mut self, name: &str) {
        self.longest = self.longest.max(name.len());
        self.folded.insert(name.bytes().map(fold).collect());
    }

    /// Whether `name` is, or can be mistaken for, one of ours.
    pub fn contains(&self, name: &str) -> bool {
        // Longer than any of ours: cannot be one, and need not be copied.
        if name.len() > self.longest || name.len() > 64 {
            return name.len() <= self.longest
                && self
                    .folded
                    .contains(name.bytes().map(fold).collect::<Vec<_>>().as_slice());
        }
        let mut buffer = [0_u8; 64];
        for (slot, byte) in buffer.iter_mut().zip(name.bytes()) {
            *slot = fold(byte);
        }
        self.folded.contains(&buffer[..name.len()])
    }
}

fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// Whether an operator may choose `name` for an identity header: not one that frames, routes or authenticates the request itself.
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
        && ![
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
            "traceparent",
            "keep-alive",
        ]
        .contains(&name.as_str())
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
            assert!(family.contains(name), "{name}");
        }
    }

    #[test]
    fn a_near_miss_is_not_of_the_family() {
        let family = Family::new([]);
        for name in [
            "x-forwarded-users",
            "x-forwarded",
            "xforwardeduser",
            "x-forwarded-for",
            "user-agent",
            "x-tenant",
        ] {
            assert!(!family.contains(name), "{name}");
        }
        assert!(!family.contains(&"x".repeat(5000)));
    }

    #[test]
    fn a_name_longer_than_the_buffer_is_still_found() {
        let long = "x-".to_owned() + &"a".repeat(90);
        let name = HeaderName::from_bytes(long.as_bytes()).unwrap();
        let family = Family::new([&name]);
        assert!(family.contains(&long.replace('-', "_")));
        assert!(!family.contains(&(long + "a")));
    }
}
