//! The hash function of new passwords, and recognition of the one of a stored hash.

use super::{argon2, bcrypt};
use crate::accounts::password::argon2::{Cost, Stored};
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

    pub(crate) fn hash(self, password: &str) -> Result<String, String> {
        match self {
            Self::Bcrypt { cost } => bcrypt::hash(password, cost),
            Self::Argon2id(cost) => argon2::hash(password, cost),
        }
    }

    /// Verifies with a hash of any supported function; also returns its name, for metrics.
    pub(crate) fn verify(self, password: &str, hash: &str) -> (&'static str, Result<Verified, String>) {
        if bcrypt::PREFIXES.into_iter().any(|prefix| hash.starts_with(prefix)) {
            let verified = bcrypt::cost_of(hash).and_then(|cost| {
                Ok(Verified {
                    matches: bcrypt::verify(password, hash)?,
                    outdated: self != Self::Bcrypt { cost },
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

/// Whether an imported hash can be verified.
pub(crate) fn is_known(hash: &str) -> bool {
    bcrypt::cost_of(hash).is_ok() || Stored::read(hash).is_ok()
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
            assert!(is_known(&hash));
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
            assert!(!is_known(wrong), "{wrong}");
            assert!(BCRYPT.verify("hunter2", wrong).1.is_err(), "{wrong}");
        }
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
