//! Which passwords are accepted.
//!
//! After NIST SP 800-63B section 3.1.1.2: long enough, not common, not guessable from what is known of the person; no
//! rules about character classes, no expiry.

use super::bcrypt::MAX_BYTES;

/// The 3,000 most used passwords of at least 8 characters, the most used first, out of the frequency list of the crate
/// `zxcvbn` 3.1 (MIT), which took them from public breaches. Lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// What is known of the person, which a password must not be made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person<'a> {
    /// Their address.
    pub email: &'a str,
    /// Their username.
    pub username: Option<&'a str>,
}

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer characters than this.
    TooShort(usize),
    /// More bytes than bcrypt reads.
    TooLong,
    /// One of the most used passwords.
    Common,
    /// Made of the person's address or name, or of the product's name.
    Similar,
    /// Guessable otherwise: a sequence, a date, a keyboard row, a word with digits.
    Guessable,
}

impl Weakness {
    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort(_) => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Common => "password_common",
            Self::Similar => "password_similar",
            Self::Guessable => "password_guessable",
        }
    }
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort(min) => write!(f, "a password has at least {min} characters"),
            Self::TooLong => write!(f, "a password has at most {MAX_BYTES} bytes"),
            Self::Common => f.write_str("this is one of the most used passwords"),
            Self::Similar => {
                f.write_str("the password is too close to the address, the username or the product's name")
            }
            Self::Guessable => f.write_str("this password is easy to guess; three or four unrelated words are not"),
        }
    }
}

/// Words that stand for this product.
const PRODUCT: [&str; 2] = ["sidegate", "side gate"];

/// Judges a password. The cheap rules go first; zxcvbn takes milliseconds and sees at most 72 bytes.
///
/// # Errors
/// With the first rule that it breaks.
pub fn check(password: &str, person: Person<'_>, min_length: usize) -> Result<(), Weakness> {
    if password.chars().count() < min_length {
        return Err(Weakness::TooShort(min_length));
    }
    if password.len() > MAX_BYTES {
        return Err(Weakness::TooLong);
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) {
        return Err(Weakness::Common);
    }
    let words = known_words(person);
    if words.iter().any(|word| similar(&lower, word)) {
        return Err(Weakness::Similar);
    }
    let inputs = words.iter().map(String::as_str).collect::<Vec<_>>();
    if zxcvbn::zxcvbn(password, &inputs).score() < zxcvbn::Score::Three {
        return Err(Weakness::Guessable);
    }
    Ok(())
}

/// The address, its local part, the name of its domain, the username, the product: in lower case, at least 4 characters,
/// since shorter ones are part of half of all good passwords.
fn known_words(person: Person<'_>) -> Vec<String> {
    let (local, domain) = person.email.split_once('@').unwrap_or((person.email, ""));
    let domain_name = domain.split('.').next().unwrap_or_default();
    [
        person.email,
        local,
        domain,
        domain_name,
        person.username.unwrap_or_default(),
    ]
    .into_iter()
    .chain(PRODUCT)
    .map(str::to_lowercase)
    .filter(|word| word.chars().count() >= 4)
    .collect()
}

/// Whether the password is the word, backwards too, with little around it.
fn similar(password: &str, word: &str) -> bool {
    let backwards = word.chars().rev().collect::<String>();
    [word, &backwards].into_iter().any(|word| {
        password.contains(word) && password.chars().count() < word.chars().count() + 6 || word.contains(password)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weakness> {
        check(
            password,
            Person {
                email: "alice.liddell@wonderland.test",
                username: Some("whiterabbit"),
            },
            8,
        )
    }

    #[test]
    fn four_unrelated_words_are_a_password() {
        assert_eq!(judged("correct horse battery staple"), Ok(()));
        assert_eq!(judged("kT9#vq2LmX"), Ok(()));
        assert_eq!(judged("пароль из четырёх слов"), Ok(()));
    }

    #[test]
    fn length_is_counted_in_characters_below_and_in_bytes_above() {
        assert_eq!(judged("kT9#vq2"), Err(Weakness::TooShort(8)));
        assert_eq!(judged(&"й".repeat(37)), Err(Weakness::TooLong));
        assert_eq!(judged(&"ab7Q".repeat(19)), Err(Weakness::TooLong));
    }

    #[test]
    fn the_most_used_passwords_are_refused_in_any_case() {
        for common in ["password", "PassWord", "12345678", "trustno1", "sunshine"] {
            assert_eq!(judged(common), Err(Weakness::Common), "{common}");
        }
        assert_eq!(COMMON.lines().count(), 3000);
        assert!(
            COMMON
                .lines()
                .all(|line| line.chars().count() >= 8 && line == line.to_lowercase())
        );
    }

    #[test]
    fn a_password_made_of_the_person_is_refused() {
        for similar in [
            "alice.liddell",
            "Alice.Liddell1",
            "whiterabbit!9",
            "tibbaretihw",
            "wonderland7",
            "sidegate2026",
        ] {
            assert_eq!(judged(similar), Err(Weakness::Similar), "{similar}");
        }
        assert_eq!(
            judged("whiterabbit eats 9 green umbrellas"),
            Ok(()),
            "with enough around it, it is another"
        );
    }

    #[test]
    fn what_a_guesser_tries_early_is_refused() {
        for guessable in ["qwertyuiop[]", "aaaaaaaaaaaa", "19841984", "abcdefghijk", "Summer2026"] {
            assert!(judged(guessable).is_err(), "{guessable}");
        }
    }
}
