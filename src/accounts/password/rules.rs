//! The rules for new passwords.
//!
//! They follow NIST SP 800-63B section 3.1.1.2: long enough, not common, not derived from what is known about the user;
//! no rules about character classes, no expiry.

use serde_json::{Map, Value};

use crate::accounts::password::breached::Breached;
use crate::accounts::password::prepare::prepared;
use crate::accounts::password::scheme::Scheme;
use crate::accounts::settings;
use crate::store::users::User;

/// The 3,000 most used passwords of at least 8 characters, the most used first, out of the frequency list of the crate
/// `zxcvbn` 3.1 (MIT), which took them from public breaches. Lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// What is known about the user, which a password must not be derived from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Person<'a> {
    /// The email address.
    pub email: &'a str,
    /// The username.
    pub username: Option<&'a str>,
    /// The profile, which contains the user's names.
    pub profile: Option<&'a Map<String, Value>>,
}

/// Why a password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It has fewer characters than this.
    TooShort(usize),
    /// It has more bytes than this, which the hash function does not support.
    TooLong(usize),
    /// It is one of the most common passwords.
    Common,
    /// It is derived from the user's email address or name, or from the product's name.
    Similar,
    /// It is in the list of passwords from breaches.
    Breached,
    /// It is easy to guess: a sequence, a date, a keyboard row, a word with digits.
    Guessable,
}

impl Weakness {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort(_) => "password_too_short",
            Self::TooLong(_) => "password_too_long",
            Self::Common => "password_common",
            Self::Similar => "password_similar",
            Self::Breached => "password_breached",
            Self::Guessable => "password_guessable",
        }
    }
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort(min) => write!(f, "a password has at least {min} characters"),
            Self::TooLong(max) => write!(f, "a password has at most {max} bytes"),
            Self::Common => f.write_str("this is one of the most used passwords"),
            Self::Similar => f.write_str("the password is too close to the address, the name or the product's name"),
            Self::Breached => f.write_str("this password was found in a breach of another service"),
            Self::Guessable => f.write_str("this password is easy to guess; three or four unrelated words are not"),
        }
    }
}

/// Names of this product.
const PRODUCT: [&str; 2] = ["sidegate", "side gate"];

/// The members of a profile that contain names.
const NAMES: [&str; 5] = ["name", "given_name", "family_name", "middle_name", "nickname"];

/// Checks the rules that take microseconds. Returns the words that [`weakness`] needs.
///
/// # Errors
/// The first rule that the password violates.
pub(crate) fn check_quickly(
    password: &str,
    person: Person<'_>,
    settings: &settings::Password,
) -> Result<Vec<String>, Weakness> {
    let password = &*prepared(password);
    if password.chars().count() < settings.min_length {
        return Err(Weakness::TooShort(settings.min_length));
    }
    let max_bytes = Scheme::of(settings).max_bytes();
    if password.len() > max_bytes {
        return Err(Weakness::TooLong(max_bytes));
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) {
        return Err(Weakness::Common);
    }
    let words = known_words(person);
    if words.iter().any(|word| similar(&lower, word)) {
        return Err(Weakness::Similar);
    }
    Ok(words)
}

/// The rules that take milliseconds: whether the password is easy to guess for somebody who knows the `words`, and
/// whether it is in the list of passwords from breaches. zxcvbn looks at 100 characters at most.
pub(crate) fn weakness(password: &str, words: &[String], breached: Option<&Breached>) -> Option<Weakness> {
    let password = &*prepared(password);
    let inputs = words.iter().map(String::as_str).collect::<Vec<_>>();
    let is_guessable = |text: &str| zxcvbn::zxcvbn(text, &inputs).score() < zxcvbn::Score::Three;
    if is_guessable(password) {
        return Some(Weakness::Guessable);
    }
    // `marguerite-password-9` for marguerite@example.com: without her name, too little is left.
    if without(password, words).is_some_and(|rest| is_guessable(&rest)) {
        return Some(Weakness::Similar);
    }
    match breached?.contains(password) {
        Ok(found) => found.then_some(Weakness::Breached),
        Err(error) => {
            tracing::error!(%error, "auth.password.breached cannot be read; the other rules decided about a password");
            None
        }
    }
}

/// What is left of a password without the known words, also backwards; `None` if it contains none of them.
fn without(password: &str, words: &[String]) -> Option<String> {
    let lower = password.to_lowercase();
    let backwards = words.iter().map(|word| word.chars().rev().collect());
    let mut all = words.iter().cloned().chain(backwards).collect::<Vec<String>>();
    // The longest first: of an email address not only the local part is removed.
    all.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let mut rest = lower.clone();
    for word in &all {
        rest = rest.replace(word.as_str(), "");
    }
    // `-password-9` is no harder to guess than `password9`, and zxcvbn counts each separator as a secret of its own.
    (rest != lower).then(|| rest.replace(['-', '_', '.', ' '], ""))
}

/// The email address, its local part and the words of that, the name of its domain, the username and its words, the user's
/// names one by one and together, the product: in lower case, at least 4 characters, because shorter ones are part of many
/// good passwords.
fn known_words(person: Person<'_>) -> Vec<String> {
    let (local, domain) = person.email.split_once('@').unwrap_or((person.email, ""));
    let domain_name = domain.split('.').next().unwrap_or_default();
    let fixed = [
        person.email,
        local,
        domain,
        domain_name,
        person.username.unwrap_or_default(),
    ];
    let parts = [local, person.username.unwrap_or_default()]
        .into_iter()
        .flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
    let members = person.profile.into_iter().flatten();
    let names = members.filter(|(member, _)| NAMES.contains(&member.as_str()));
    let names = names.filter_map(|(_, name)| name.as_str()).collect::<Vec<_>>();
    let together = names.iter().map(|name| name.split_whitespace().collect::<String>());
    let apart = names.iter().flat_map(|name| name.split_whitespace()).map(str::to_owned);
    fixed
        .into_iter()
        .chain(PRODUCT)
        .chain(parts)
        .chain(names.iter().copied())
        .map(str::to_owned)
        .chain(together)
        .chain(apart)
        .map(|word| word.to_lowercase())
        .filter(|word| word.chars().count() >= 4)
        .collect()
}

/// Whether the password is the word, possibly reversed, with few other characters.
fn similar(password: &str, word: &str) -> bool {
    let backwards = word.chars().rev().collect::<String>();
    [word, &backwards].into_iter().any(|word| {
        password.contains(word) && password.chars().count() < word.chars().count() + 6 || word.contains(password)
    })
}

/// The words that a password of this user must not be derived from.
pub(crate) fn known_of(user: &User) -> Person<'_> {
    Person {
        email: &user.email,
        username: user.username.as_deref(),
        profile: Some(&user.profile),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged_by(settings: &settings::Password, password: &str) -> Result<(), Weakness> {
        let profile = json!({ "name": "Alice Pleasance Hargreaves", "nickname": "Tweedledum", "city": "Daresbury" });
        let person = Person {
            email: "alice.liddell@wonderland.test",
            username: Some("whiterabbit"),
            profile: profile.as_object(),
        };
        judged_for(person, settings, password)
    }

    fn judged_for(person: Person<'_>, settings: &settings::Password, password: &str) -> Result<(), Weakness> {
        let words = check_quickly(password, person, settings)?;
        weakness(password, &words, settings.breached.as_ref()).map_or(Ok(()), Err)
    }

    fn judged(password: &str) -> Result<(), Weakness> {
        judged_by(&settings::Password::default(), password)
    }

    #[test]
    fn four_unrelated_words_are_a_password() {
        assert_eq!(judged("correct horse battery staple"), Ok(()));
        assert_eq!(judged("kT9#vq2LmX"), Ok(()));
        assert_eq!(judged("пароль из четырёх слов"), Ok(()));
    }

    #[test]
    fn eight_characters_are_the_fewest() {
        assert_eq!(judged("kT9#vq2"), Err(Weakness::TooShort(8)));
        assert_ne!(judged("kT9#vq2L"), Err(Weakness::TooShort(8)));
        assert_eq!(judged("йцфячс9"), Err(Weakness::TooShort(8)), "characters, not bytes");
    }

    #[test]
    fn seventy_two_bytes_are_the_most_for_bcrypt_and_not_for_argon2id() {
        let mut long = "quarrel lantern osprey 71 tepid gravel walnut 19 marble thicket copper 5".to_owned();
        assert_eq!(long.len(), 72);
        assert_eq!(judged(&long), Ok(()));
        long.push('x');
        assert_eq!(judged(&long), Err(Weakness::TooLong(72)));
        assert_eq!(
            judged(&"й".repeat(37)),
            Err(Weakness::TooLong(72)),
            "bytes, not characters"
        );

        let argon2id = settings::Password {
            hash: settings::PasswordHash::Argon2id,
            ..settings::Password::default()
        };
        assert_eq!(judged_by(&argon2id, &long), Ok(()));
        let longest = format!("{long}{}", "y".repeat(1024 - long.len()));
        assert_eq!(judged_by(&argon2id, &longest), Ok(()));
        assert_eq!(
            judged_by(&argon2id, &format!("{longest}y")),
            Err(Weakness::TooLong(1024))
        );
    }

    #[test]
    fn the_most_used_passwords_are_refused_in_any_case() {
        for common in ["password", "PassWord", "12345678", "trustno1", "sunshine"] {
            assert_eq!(judged(common), Err(Weakness::Common), "{common}");
        }
        let last = COMMON.lines().last().unwrap();
        assert_eq!(judged(last), Err(Weakness::Common), "{last}");
        assert_ne!(judged(&format!("{last} zq#7")), Err(Weakness::Common), "a near miss");
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
            "alice.liddell@wonderland.test",
            "whiterabbit!9",
            "tibbaretihw",
            "wonderland7",
            "sidegate2026",
            "Hargreaves77",
            "alicepleasancehargreaves",
            "Tweedledum#4",
        ] {
            assert_eq!(judged(similar), Err(Weakness::Similar), "{similar}");
        }
        assert_eq!(
            judged("whiterabbit eats 9 green umbrellas"),
            Ok(()),
            "with enough around it, it is another"
        );
        assert_ne!(
            judged("Daresbury#k4"),
            Err(Weakness::Similar),
            "not everything said of oneself is a name"
        );
    }

    #[test]
    fn a_known_word_with_something_common_around_it_is_refused() {
        let person = Person {
            email: "marguerite.dupont@example.com",
            ..Person::default()
        };
        let judged = |password: &str| judged_for(person, &settings::Password::default(), password);
        for similar in [
            "marguerite-password-9",
            "Marguerite.Dupont-2026-login",
            "sidegate-2026-login",
            "etireugram-password-9",
            "welcome-dupont-12345",
        ] {
            assert!(
                matches!(judged(similar), Err(Weakness::Similar | Weakness::Guessable)),
                "{similar}: {:?}",
                judged(similar)
            );
        }
        for fine in [
            "marguerite eats 9 green umbrellas",
            "sidegate quarrel lantern 71 osprey",
        ] {
            assert_eq!(judged(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn a_password_from_a_breach_is_refused_in_either_form_of_its_characters() {
        use data_encoding::HEXUPPER;
        use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, "quarr\u{e9}l-lantern-71-osprey".as_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{}:7\n", HEXUPPER.encode(hash.as_ref()))).unwrap();
        let settings = settings::Password {
            breached: Some(Breached::open(file.path()).unwrap()),
            ..settings::Password::default()
        };
        for found in ["quarr\u{e9}l-lantern-71-osprey", "quarre\u{301}l-lantern-71-osprey"] {
            assert_eq!(judged_by(&settings, found), Err(Weakness::Breached), "{found:?}");
        }
        assert_eq!(judged_by(&settings, "quarrel-lantern-71-osprey"), Ok(()));
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(
            judged_by(&settings, "quarr\u{e9}l-lantern-71-osprey"),
            Ok(()),
            "the others decide"
        );
    }

    #[test]
    fn what_a_guesser_tries_early_is_refused() {
        for guessable in ["qwertyuiop[]", "aaaaaaaaaaaa", "19841984", "abcdefghijk", "Summer2026"] {
            assert!(judged(guessable).is_err(), "{guessable}");
        }
        assert_eq!(judged("aaaaaaaaaaaa"), Err(Weakness::Guessable));
        assert_eq!(
            judged("aaaaaaaaaaaa kv#2 osprey"),
            Ok(()),
            "the same with something that is not"
        );
    }
}
