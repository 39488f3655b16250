//! Which email addresses can be sent to.

use lettre::Address;

/// Whether the mail library accepts the address. It refuses some that RFC 6531 allows, such as a local part with
/// combining characters (Thai vowels, `i` with a dot above).
pub(crate) fn can_be_sent_to(email: &str) -> bool {
    email.parse::<Address>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_in_many_scripts_can_be_sent_to_and_combining_characters_cannot() {
        for yes in [
            "alice+x@example.com",
            "müller@example.com",
            "алиса@xn--e1afmkfd.example",
            "田中@example.com",
        ] {
            assert!(can_be_sent_to(yes), "{yes}");
        }
        for no in [
            "i\u{307}a@example.com",
            "q\u{307}@example.com",
            "ที่@example.com",
            "alice",
        ] {
            assert!(!can_be_sent_to(no), "{no}");
        }
    }
}
