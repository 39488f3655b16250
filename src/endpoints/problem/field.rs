//! Every word that `errors[].code` can be. One list: the documentation and the description of the API are made from it,
//! and a test finds a word that the source says and that is not here.

/// The words and what they mean.
pub const FIELD_CODES: &[(&str, &str)] = &[
    // Any body
    ("unknown_field", "There is no such field."),
    ("missing", "The field is required."),
    ("duplicate", "The field is there twice."),
    ("wrong_type", "The value has the wrong type."),
    ("not_accepted", "The value is not one of those accepted."),
    ("control_character", "The text holds a control character."),
    // Accounts
    ("email_invalid", "This is no address of the form that is accepted."),
    ("email_unchanged", "This is the account's address already."),
    ("domain_not_allowed", "Addresses of this domain may not register."),
    ("username_invalid", "This is no username of the form that is accepted."),
    ("profile_too_large", "The profile is too large."),
    ("read_only", "An operator sets this member of the profile."),
    (
        "device_name_invalid",
        "The name is too long or holds a control character.",
    ),
    // Passwords
    ("password_too_short", "The password has too few characters."),
    (
        "password_too_long",
        "The password has more bytes than the hash function reads.",
    ),
    ("password_common", "The password is one of the most used."),
    (
        "password_similar",
        "The password is too close to the address, the username or the product's name.",
    ),
    ("password_unchanged", "This is the password already."),
    ("password_guessable", "The password is easy to guess."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::accounts::password::Weakness;

    /// The second argument of each `Problem::field(…)`, where it is written down.
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
    fn every_word_that_is_said_of_a_field_is_in_the_list_and_only_once() {
        let listed: HashSet<_> = FIELD_CODES.iter().map(|(word, _)| *word).collect();
        assert_eq!(listed.len(), FIELD_CODES.len(), "a word is there twice");
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
            Weakness::TooLong,
            Weakness::Common,
            Weakness::Similar,
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
