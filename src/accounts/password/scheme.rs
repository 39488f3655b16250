//! The hash function of new passwords, and recognition of the one of a stored hash.

use super::{argon2, bcrypt};
use crate::accounts::password::argon2::{Cost, Stored};
use crate::accounts::password::prepare::prepared;
use crate::accounts::settings::{Password, PasswordHash};

/// The hash function and parameters of new passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `$2b$`
    Bcrypt {
        /// The cost; each step doubles the work.
        cost: u32,
    },
    /// `$argon2id$`
    Argon2id(Cost),
}

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password is correct.
    pub matches: bool,
    /// Whether the hash has outdated parameters, and should be replaced while the password is available.
    pub outdated: bool,
}

impl Scheme {
    pub(crate) const fn of(settings: &Password) -> Self {
        match settings.hash {
            PasswordHash::Bcrypt => Self::Bcrypt { cost: settings.cost },
            PasswordHash::Argon2id => Self::Argon2id(settings.argon2),
        }
    }

    /// The label of metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bcrypt { .. } => "bcrypt",
            Self::Argon2id(_) => "argon2id",
        }
    }

    /// The longest password, in bytes. Longer ones are refused and never truncated.
    pub(crate) const fn max_bytes(self) -> usize {
        match self {
            Self::Bcrypt { .. } => bcrypt::MAX_BYTES,
            Self::Argon2id(_) => argon2::MAX_BYTES,
        }
    }

    /// Hashes a password in its [`prepared`] form.
    pub(crate) fn hash(self, password: &str) -> Result<String, String> {
        let password = prepared(password);
        match self {
            Self::Bcrypt { cost } => bcrypt::hash(&password, cost),
            Self::Argon2id(cost) => argon2::hash(&password, cost),
        }
    }

    /// Verifies with a hash of any supported function; also returns its name, for metrics. What was typed is tried in
    /// its [`prepared`] form, and then as it is: another system may have hashed that.
    pub(crate) fn verify(self, typed: &str, hash: &str) -> (&'static str, Result<Verified, String>) {
        let password = prepared(typed);
        let (name, verified) = self.verify_bytes(&password, hash);
        if password == typed || !matches!(verified, Ok(Verified { matches: false, .. })) {
            return (name, verified);
        }
        let (_, verified) = self.verify_bytes(typed, hash);
        // Replaced by the hash of the prepared form.
        (
            name,
            verified.map(|verified| Verified {
                outdated: true,
                ..verified
            }),
        )
    }

    fn verify_bytes(self, password: &str, hash: &str) -> (&'static str, Result<Verified, String>) {
        if bcrypt::PREFIXES.into_iter().any(|prefix| hash.starts_with(prefix)) {
            let verified = bcrypt::cost_of(hash).and_then(|cost| {
                // A password that is too long for the function of new hashes keeps its hash.
                let replaceable = password.len() <= self.max_bytes();
                Ok(Verified {
                    matches: bcrypt::verify(password, hash)?,
                    outdated: replaceable && (self != Self::Bcrypt { cost } || bcrypt::is_imported(hash)),
                })
            });
            return ("bcrypt", verified);
        }
        match Stored::read(hash) {
            Ok(stored) => {
                let outdated = !matches!(self, Self::Argon2id(cost) if stored.is_made_with(cost));
                let word = stored.as_str();
                let verified = stored.verify(password).map(|matches| Verified { matches, outdated });
                (word, verified)
            }
            Err(error) => (self.as_str(), Err(error)),
        }
    }

    /// A hash of no known password. Verifying it takes as long as a real one, so that the response time does not reveal
    /// whether an account exists.
    pub(crate) fn dummy(self) -> String {
        match self {
            Self::Bcrypt { cost } => bcrypt::dummy(cost),
            Self::Argon2id(cost) => argon2::dummy(cost),
        }
    }
}

/// The form in which an imported hash is stored; `None` if it cannot be verified.
pub(crate) fn imported(hash: &str) -> Option<String> {
    if bcrypt::cost_of(hash).is_ok() {
        return Some(bcrypt::imported(hash));
    }
    Stored::read(hash).is_ok().then(|| hash.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: Scheme = Scheme::Bcrypt { cost: 4 };
    const ARGON2ID: Scheme = Scheme::Argon2id(Cost {
        memory_kib: 16,
        iterations: 1,
        parallelism: 1,
    });

    #[test]
    fn each_verifies_the_others_hashes_and_calls_them_outdated() {
        for (maker, verifier, outdated, word) in [
            (BCRYPT, BCRYPT, false, "bcrypt"),
            (BCRYPT, ARGON2ID, true, "bcrypt"),
            (ARGON2ID, BCRYPT, true, "argon2id"),
            (ARGON2ID, ARGON2ID, false, "argon2id"),
            (Scheme::Bcrypt { cost: 5 }, BCRYPT, true, "bcrypt"),
        ] {
            let hash = maker.hash("correct horse").unwrap();
            let (made, verified) = verifier.verify("correct horse", &hash);
            assert_eq!(
                (made, verified),
                (
                    word,
                    Ok(Verified {
                        matches: true,
                        outdated
                    })
                ),
                "{hash}"
            );
            let (_, verified) = verifier.verify("correct horsf", &hash);
            assert!(!verified.unwrap().matches);
            assert!(imported(&hash).is_some());
        }
    }

    #[test]
    fn what_is_no_hash_is_neither_known_nor_verified() {
        for wrong in [
            "",
            "hunter2",
            "$1$salt$hash",
            "$2x$04$abc",
            "{SSHA}abc",
            "pbkdf2_sha256$1$a$b",
        ] {
            assert_eq!(imported(wrong), None, "{wrong}");
            assert!(BCRYPT.verify("hunter2", wrong).1.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_matches_however_its_characters_are_composed() {
        let (composed, decomposed) = ("caf\u{e9} noir 71", "cafe\u{301} noir 71");
        for scheme in [BCRYPT, ARGON2ID] {
            for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
                let (_, verified) = scheme.verify(typed, &scheme.hash(set).unwrap());
                let expected = Verified {
                    matches: true,
                    outdated: false,
                };
                assert_eq!(verified, Ok(expected), "{set:?} {typed:?}");
            }
            let (_, verified) = scheme.verify("cafe noir 71", &scheme.hash(composed).unwrap());
            assert!(!verified.unwrap().matches, "another password");
        }
        // Another system hashed what a Mac sent: it is accepted as it was typed, and replaced.
        let foreign = ::bcrypt::hash(decomposed, 4).unwrap();
        let (_, verified) = BCRYPT.verify(decomposed, &foreign);
        let expected = Verified {
            matches: true,
            outdated: true,
        };
        assert_eq!(verified, Ok(expected));
    }

    #[test]
    fn an_imported_hash_of_a_long_password_verifies_as_its_system_did_and_only_argon2id_replaces_it() {
        let long = "quarrel lantern osprey 71 tepid gravel walnut 19 marble thicket copper 57 and more";
        let hash = imported(&::bcrypt::hash(long, 4).unwrap()).unwrap();
        assert!(hash.starts_with("$2y$04$"), "{hash}");
        let verified = |scheme: Scheme, typed: &str| {
            let (_, verified) = scheme.verify(typed, &hash);
            let Verified { matches, outdated } = verified.unwrap();
            (matches, outdated)
        };
        assert_eq!(verified(BCRYPT, long), (true, false), "bcrypt has no hash of it");
        assert_eq!(verified(ARGON2ID, long), (true, true));
        assert!(!verified(BCRYPT, &long[..71]).0);
        let short = imported(&::bcrypt::hash("correct horse", 4).unwrap()).unwrap();
        let (_, verified) = BCRYPT.verify("correct horse", &short);
        let expected = Verified {
            matches: true,
            outdated: true,
        };
        assert_eq!(verified, Ok(expected), "from then on it is one of ours");
    }

    #[test]
    fn verifying_nobodys_hash_costs_what_todays_hash_costs() {
        for scheme in [BCRYPT, ARGON2ID] {
            let (word, verified) = scheme.verify("anything", &scheme.dummy());
            assert_eq!(word, scheme.as_str());
            assert_eq!(
                verified,
                Ok(Verified {
                    matches: false,
                    outdated: false
                })
            );
        }
    }
}
