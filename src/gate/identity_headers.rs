//! Who is calling, as headers that the application can trust.
//!
//! Trust has two halves: our headers are written from the verified token, and every header a client could forge is removed
//! first, on every route, public ones too, also when we then set nothing.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    identity::Identity,
    rules::identity_headers::{Plan, Source},
};

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
}

#[cfg(test)]
mod properties;
