//! Properties of every name, checked with random ones.

use proptest::prelude::*;

use super::*;

/// Text as attackers write it: any character, with a higher share of those that are normalized, imitate others, or
/// separate.
fn written() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9.]{1,4}",
        2 => "\\PC{1,3}",
        1 => any::<char>().prop_map(String::from),
        2 => prop::sample::select(vec![
            "@", "＠", ".", "。", "…", " ", "\u{a0}", "\u{3000}", "İ", "ı", "ſ", "ẞ", "ﬁ", "Å", "Σ", "ς", "ß", "\u{307}", "\u{ad}",
            "\u{200b}", "\u{fdfa}", "\u{430}", "xn--", "-", "\n", "\u{0}", "[", "\"", "K", "Ⅳ", "½", "\u{345}", "ᾳ", "ŉ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn cases() -> ProptestConfig {
    let wanted = option_env!("SIDEGATE_PROPTEST_CASES").and_then(|cases| cases.parse().ok());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(wanted.unwrap_or(4096))
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn folding_what_is_folded_changes_nothing(text in written()) {
        let folded = fold(&text);
        prop_assert_eq!(fold(&folded), folded);
    }

    #[test]
    fn an_address_is_its_own_canonical_form_and_what_login_looks_for(text in written()) {
        if let Ok(address) = email(&text) {
            prop_assert_eq!(email(&address), Ok(address.clone()));
            prop_assert_eq!(Identifier::read(&text), Identifier::Email(address.clone()));
            prop_assert!(address.len() <= ADDRESS_MAX && address.matches('@').count() == 1);
            prop_assert!(!address.chars().any(|c| c.is_control() || c.is_whitespace()));
            prop_assert!(address.parse::<lettre::Address>().is_ok(), "{} cannot be sent to", address);
        }
    }

    #[test]
    fn an_address_in_other_case_is_the_same_address(local in "[a-z0-9+_-]{1,20}", domain in "[a-z]{1,10}\\.(com|test)") {
        let address = format!("{local}@{domain}");
        for spelling in [address.to_uppercase(), format!(" {address}."), full_width(&address)] {
            prop_assert_eq!(email(&spelling), Ok(address.clone()), "{}", spelling);
        }
    }

    #[test]
    fn a_username_is_its_own_canonical_form_and_what_login_looks_for(text in written()) {
        if let Ok(name) = username(&text) {
            prop_assert_eq!(username(&name), Ok(name.clone()));
            prop_assert_eq!(Identifier::read(&text), Identifier::Username(name));
        }
    }
}

/// Letters and digits as they are typed with an East Asian keyboard.
fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match u32::from(c) {
            code @ 0x21..=0x7e => char::from_u32(code + 0xfee0).unwrap(),
            _ => c,
        })
        .collect()
}
