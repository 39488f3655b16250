//! Who is calling, as headers that the application can trust.
//!
//! Trust has two halves: our headers are written from the verified token, and every header a client could forge is removed
//! first, on every route, public ones too, also when we then set nothing.

use std::{collections::HashMap, fmt::Write as _};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;

use super::{assertion::Terms, verify::Identity};

/// Which headers a route sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order in which they are written.
    pub headers: Vec<Planned>,
    /// The signed one, if there is one.
    pub assertion: Option<Terms>,
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

/// The names that only we may send upstream, compared in lower case with every byte that is no letter or digit read as `-`:
/// CGI, WSGI and PHP turn `X_Forwarded_User` and `X.Forwarded.User` into the same variable as `X-Forwarded-User`.
#[derive(Debug, Clone, Default)]
pub struct Family {
    folded: HashMap<Box<[u8]>, Class>,
    longest: usize,
    /// With which bytes the names of each length begin: most names of a request are no kin of ours by that alone.
    first: [u32; SHORT],
}

/// From this length on, names are told apart by the table only.
const SHORT: usize = 32;

/// Why a name is ours alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It says who is calling.
    Identity,
    /// It says where the request came from, or asks the application to read it as another request.
    Forwarding,
}

/// What presets of ours, and of the proxies we replace, use for identity: in the family whatever is configured.
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

/// Written by us or by nobody. The second half makes frameworks route by another path or method than the one judged
/// (`X-Original-URL` of IIS and Symfony, `X-HTTP-Method-Override`), and `Proxy` becomes `HTTP_PROXY` in CGI ("httpoxy").
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
    /// The family of every preset and of the names that were `added` by the operator.
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

    /// Whether `name` is, or can be mistaken for, one of ours.
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
        // Nearly every name fits here; the hot path allocates nothing.
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

/// Which byte a name begins with, as one of 27 bits: digits and signs share one.
fn first_of(name: &str) -> u32 {
    match name.bytes().next().map(fold) {
        Some(letter @ b'a'..=b'z') => 1 << (letter - b'a'),
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

/// The values of a plan's headers for one caller, one after the other and each behind its length, in one piece of memory: a
/// million callers are kept. An absent value has no bytes.
#[derive(Debug)]
pub(super) struct Values(Box<[u8]>);

/// How a length is written.
type Length = u32;

/// The values of `plan` for `caller`.
pub(super) fn render(plan: &Plan, caller: &Identity) -> Values {
    let mut out = Vec::new();
    for planned in &plan.headers {
        let text = text(&planned.source, caller).unwrap_or_default();
        // An empty identity header is read as "nobody" by one application and as "present" by another: it is not sent.
        let value = text.trim_matches(' ').as_bytes();
        let length = Length::try_from(value.len()).expect("it came in a token of 8 KiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value);
    }
    Values(out.into())
}

impl Values {
    /// Writes the headers of `plan`, by which they were rendered.
    pub(super) fn write(&self, plan: &Plan, write: &mut impl FnMut(&HeaderName, &HeaderValue)) {
        let mut rest = Bytes::copy_from_slice(&self.0);
        for planned in &plan.headers {
            let value = rest.split_off(size_of::<Length>());
            let length = Length::from_be_bytes(rest[..].try_into().expect("its length stands before each value"));
            rest = value;
            let value = rest.split_to(usize::try_from(length).expect("a value is in memory"));
            if !value.is_empty() {
                let value = HeaderValue::from_maybe_shared(value).expect("printable ASCII");
                write(&planned.name, &value);
            }
        }
    }
}

/// The value of one header, in printable ASCII.
fn text(source: &Source, caller: &Identity) -> Option<String> {
    Some(match source {
        Source::Subject => encode(caller.subject(), ""),
        Source::VerifiedEmail => encode(caller.verified_email()?, ""),
        Source::PreferredUsername => encode(caller.preferred_username()?, ""),
        Source::Roles => caller
            .roles
            .iter()
            .map(|role| encode(role, ","))
            .collect::<Vec<_>>()
            .join(","),
        Source::Session => encode(caller.session()?, ""),
        Source::Claim { name, join } => claim_text(caller.claim(name)?, join)?,
    })
}

/// A scalar as it is, a list of scalars joined; objects have no reading that two applications would share.
fn claim_text(value: &Value, join: &str) -> Option<String> {
    let scalar = |value: &Value, join: &str| match value {
        Value::String(text) => Some(encode(text, join)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| scalar(item, join)).collect();
            Some(texts?.join(join))
        }
        other => scalar(other, ""),
    }
}

/// Percent-encodes all but printable ASCII, `%` itself, and `reserved`. CR, LF and NUL would end the field and begin another;
/// bytes beyond ASCII are read in as many ways as there are servers; a comma in the name of a role would make two roles.
/// With `%` encoded too, no two values look alike: a user cannot name himself so as to be read as another.
fn encode(text: &str, reserved: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' && !reserved.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes any text");
        }
    }
    out
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
    fn a_value_cannot_begin_another_header() {
        assert_eq!(encode("a\r\nX-Admin: 1\0", ""), "a%0D%0AX-Admin: 1%00");
    }

    #[test]
    fn an_absent_value_sends_no_header_and_the_others_keep_their_names() {
        let plan = Plan {
            headers: Preset::Oauth2Proxy.headers(),
            assertion: None,
        };
        let values = Values(
            [&[0, 0, 0, 1][..], b"u", &[0; 8], &[0, 0, 0, 3], b"a,b", &[0; 4]]
                .concat()
                .into(),
        );
        let mut written = Vec::new();
        values.write(&plan, &mut |name, value| {
            written.push(format!("{name}: {}", value.to_str().unwrap()));
        });
        assert_eq!(written, ["x-forwarded-user: u", "x-forwarded-groups: a,b"]);
    }

    #[test]
    fn no_two_names_look_alike() {
        assert_eq!(encode("José", ""), "Jos%C3%A9");
        assert_eq!(encode("Jos%C3%A9", ""), "Jos%25C3%25A9");
    }

    #[test]
    fn a_comma_in_a_role_does_not_make_two() {
        use serde_json::json;
        assert_eq!(claim_text(&json!(["a,admin", "b"]), ",").unwrap(), "a%2Cadmin,b");
        assert_eq!(
            claim_text(&json!("a,b"), ",").unwrap(),
            "a,b",
            "a single text is not a list"
        );
    }

    #[test]
    fn a_claim_becomes_text_only_if_it_has_one_reading() {
        use serde_json::json;
        assert_eq!(claim_text(&json!(["a", 1, true]), ";").unwrap(), "a;1;true");
        for value in [json!({"a": 1}), json!([["a"]]), json!(["a", null]), json!(null)] {
            assert_eq!(claim_text(&value, ","), None, "{value}");
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
