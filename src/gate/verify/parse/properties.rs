//! No input makes the parser of tokens panic.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest},
};

use super::token;
use crate::gate::{denial::TokenFault, testing::cases};

/// JSON of the kind that tokens consist of, and of other kinds.
fn json() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("[1]".to_owned()),
        Just("1e308".to_owned()),
        Just(r#""ES256""#.to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    let name = proptest::sample::select(&["alg", "kid", "typ", "crit", "exp", "sub", "aud", "a.b"][..]);
    let members = vec((name, value), 0..6);
    members.prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = token(&text);
    }

    #[test]
    fn any_parts_are_read_or_refused(parts in vec(vec(any::<u8>(), 0..40), 0..6)) {
        let parts: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let _ = token(&parts.join("."));
    }

    #[test]
    fn any_claims_are_read_as_what_they_are_or_refused(header in json(), payload in json()) {
        let text = format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&payload));
        match token(&text) {
            Ok(parsed) => {
                for name in ["exp", "sub", "aud", "a.b"] {
                    let _ = (parsed.claims.date(name), parsed.claims.text(name), parsed.claims.list(name, true));
                }
            }
            Err(fault) => prop_assert_eq!(fault, TokenFault::Malformed),
        }
    }
}
