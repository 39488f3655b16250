//! The identity headers of a route.

use http::HeaderName;

use super::assertion::AssertionRule;

/// The headers that a route sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The headers, in the order in which the gate sends them.
    pub headers: Vec<Planned>,
    /// The signed assertion, if the route sends one.
    pub assertion: Option<AssertionRule>,
}

/// A header to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The name as it is sent.
    pub name: HeaderName,
    /// The source of its value.
    pub source: Source,
}

/// The source of an identity header's value. An absent or empty value sends no header.
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
    /// A claim (a dotted path into objects); a list is joined.
    Claim {
        /// The claim's path.
        name: Box<str>,
        /// The separator between the items of a list.
        join: Box<str>,
    },
}

/// A predefined set of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `X-Forwarded-User`, `-Email`, `-Preferred-Username`, `-Groups` and `X-Auth-Session`.
    Oauth2Proxy,
    /// `Remote-User`, `Remote-Email`, `Remote-Name`, `Remote-Groups` and `X-Auth-Session`.
    Authelia,
    /// Only the headers under `add`.
    None,
}

impl Preset {
    /// All presets: the headers of each are removed from requests, whichever one is used.
    pub const ALL: [Self; 3] = [Self::Oauth2Proxy, Self::Authelia, Self::None];

    /// Whether the preset sets `name`.
    pub fn sets(self, name: &HeaderName) -> bool {
        self.headers().iter().any(|planned| planned.name == *name)
    }

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
