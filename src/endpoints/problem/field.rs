//! Every value of `errors[].code`. `docs/problems.md` and the OpenAPI document are generated from this list, and a test
//! finds a code that the source uses and that is not here.

/// The codes and their meanings.
pub const FIELD_CODES: &[(&str, &str)] = &[
    // Any body
    ("unknown_field", "The field is not known."),
    ("missing", "The field is required."),
    ("duplicate", "The field is repeated."),
    ("wrong_type", "The value has the wrong JSON type."),
    ("not_accepted", "The value is not one of the accepted values."),
    (
        "control_character",
        "The text contains a control or invisible character.",
    ),
    // Accounts
    ("email_invalid", "The value is not a valid email address."),
    ("email_unchanged", "The account has this email address already."),
    (
        "domain_not_allowed",
        "Email addresses of this domain are not allowed to register.",
    ),
    ("username_invalid", "The value is not a valid username."),
    ("profile_too_large", "The profile is too large."),
    ("read_only", "Only an operator can change this member of the profile."),
    (
        "device_name_invalid",
        "The name is too long or contains a control or invisible character.",
    ),
    // Passwords
    ("password_too_short", "The password has too few characters."),
    (
        "password_too_long",
        "The password is longer than the hash function supports.",
    ),
    ("password_common", "The password is one of the most common passwords."),
    (
        "password_similar",
        "The password is too similar to the email address, the username or the product's name.",
    ),
    (
        "password_breached",
        "The password was found in a breach of another service.",
    ),
    ("password_unchanged", "The new password is the current password."),
    ("password_guessable", "The password is easy to guess."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::accounts::password::Weakness;

    /// The second argument of each `Problem::field(…)` in the source, if it is a literal.
    fn said(source: &str) -> Vec<String> {
        let calls = source.split("::field(").skip(1);
        calls.filter_map(second_argument).collect()
    }

    fn second_argument(call: &str) -> Option<String> {
        let (mut depth, mut in_text, mut commas) = (0, false, 0);
        let mut argument = String::new();
        for c in call.chars() {
            match c {
                '"' => in_text = !in_text,
                '(' if !in_text => depth += 1,
                ')' if !in_text => depth -= 1,
                ',' if !in_text && depth == 0 => commas += 1,
                _ => {}
            }
            if commas == 1 {
                argument.push(c);
            }
            if commas == 2 || depth < 0 {
                break;
            }
        }
        let argument = argument.trim_matches([',', ' ', '\n']);
        Some(argument.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    }

    fn sources(folder: &Path, all: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_field_error_is_in_the_list_and_only_once() {
        let listed: HashSet<_> = FIELD_CODES.iter().map(|(word, _)| *word).collect();
        assert_eq!(listed.len(), FIELD_CODES.len(), "a code is listed twice");
        let mut all = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/endpoints"), &mut all);
        let said: HashSet<String> = all.iter().flat_map(|source| said(source)).collect();
        assert!(
            said.contains("email_invalid") && said.contains("missing"),
            "this test reads nothing"
        );
        for word in &said {
            assert!(listed.contains(word.as_str()), "{word} is not in FIELD_CODES");
        }
        let weaknesses = [
            Weakness::TooShort(8),
            Weakness::TooLong(72),
            Weakness::Common,
            Weakness::Similar,
            Weakness::Breached,
            Weakness::Guessable,
        ];
        for weakness in weaknesses {
            assert!(
                listed.contains(weakness.code()),
                "{} is not in FIELD_CODES",
                weakness.code()
            );
        }
    }
}
