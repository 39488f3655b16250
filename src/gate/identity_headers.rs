//! The identity headers, which tell the application who is calling.
//!
//! They can be trusted because their values come from the verified token, and because every header that a client could
//! forge is removed first, on every route, public ones included, even if none is set then.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    identity::Identity,
    rules::identity_headers::{Plan, Source},
};

/// The header values of a plan for one caller, each after its length, in one allocation, because a million callers are
/// cached. An absent value has no bytes.
#[derive(Debug)]
pub(super) struct Values(Box<[u8]>);

/// The encoding of a length.
type Length = u32;

/// Renders the values of `plan` for `caller`.
pub(super) fn render(plan: &Plan, caller: &Identity) -> Values {
    let mut out = Vec::new();
    for planned in &plan.headers {
        let text = text(&planned.source, caller).unwrap_or_default();
        // An empty header is not sent: one application would take it for "anonymous", another for "present". Spaces at an
        // edge can only be those of a separator here, and every server trims them.
        let value = text.trim_matches(' ').as_bytes();
        let length = Length::try_from(value.len()).expect("it came in a token of 8 KiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value);
    }
    Values(out.into())
}

impl Values {
    /// Writes the headers of `plan`, which has to be the plan they were rendered for.
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

/// The value of a header, in printable ASCII.
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

/// A scalar, or a list of scalars joined; objects are left out, because applications would interpret them differently.
///
/// The separator is encoded in a scalar too: an application that splits the header does not know whether the claim was a
/// list, and `"a,admin"` would be two roles.
fn claim_text(value: &Value, join: &str) -> Option<String> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(encode(text, join)),
        Value::Number(number) => Some(encode(&number.to_string(), join)),
        Value::Bool(yes) => Some(encode(&yes.to_string(), join)),
        _ => None,
    };
    match value {
        Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(scalar).collect();
            Some(texts?.join(join))
        }
        // A blank text says no more than an absent one.
        Value::String(text) if text.trim_matches(' ').is_empty() => None,
        other => scalar(other),
    }
}

/// Percent-encodes everything except printable ASCII, and also `%` itself, `reserved`, and spaces at the edges. CR, LF
/// and NUL would end the field and start another one; servers interpret bytes beyond ASCII differently; a comma in the
/// name of a role would make two roles; servers trim the value of a field (RFC 9110 section 5.5), and applications the
/// items of a list, so that ` admin` would become `admin`. With `%` encoded, different values stay different, so that a
/// user cannot choose a name that reads like another user's.
fn encode(text: &str, reserved: &str) -> String {
    let inner = text.len() - text.trim_start_matches(' ').len()..text.trim_end_matches(' ').len();
    let mut out = String::with_capacity(text.len());
    for (index, &byte) in text.as_bytes().iter().enumerate() {
        let is_plain = matches!(byte, b' '..=b'~') && byte != b'%' && !reserved.as_bytes().contains(&byte);
        if is_plain && (byte != b' ' || inner.contains(&index)) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes any text");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::rules::identity_headers::Preset;

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
        for (text, arrives) in [("a,admin", "a%2Cadmin"), ("a;admin", "a;admin"), ("admin", "admin")] {
            assert_eq!(
                claim_text(&json!(text), ",").unwrap(),
                arrives,
                "a text that is no list"
            );
        }
        assert_eq!(claim_text(&json!([1.5, -2]), ".").unwrap(), "1%2E5.-2");
    }

    #[test]
    fn a_space_at_an_edge_does_not_get_lost() {
        use serde_json::json;
        for (text, arrives) in [
            (" admin", "%20admin"),
            ("admin ", "admin%20"),
            ("  a  b  ", "%20%20a  b%20%20"),
            (" ", "%20"),
            ("a b", "a b"),
            ("", ""),
        ] {
            assert_eq!(encode(text, ","), arrives, "{text:?}");
        }
        assert_eq!(claim_text(&json!(["b ", " admin"]), ",").unwrap(), "b%20,%20admin");
    }

    #[test]
    fn a_claim_becomes_text_only_if_it_has_one_reading() {
        use serde_json::json;
        assert_eq!(claim_text(&json!(["a", 1, true]), ";").unwrap(), "a;1;true");
        for value in [json!({"a": 1}), json!([["a"]]), json!(["a", null]), json!(null)] {
            assert_eq!(claim_text(&value, ","), None, "{value}");
        }
    }
}

#[cfg(test)]
mod properties;
