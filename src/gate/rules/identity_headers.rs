//! Which headers say to an application who is calling.

use http::HeaderName;

use super::assertion::AssertionRule;

/// Which headers a route sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order in which they are written.
    pub headers: Vec<Planned>,
    /// The signed one, if there is one.
    pub assertion: Option<AssertionRule>,
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
