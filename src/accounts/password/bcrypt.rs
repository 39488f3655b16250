//! bcrypt, with its two traps closed: it reads 72 bytes and no more, and a hash of unknown make is not verified.

/// The most bytes bcrypt reads. Longer passwords are refused: cut ones would make two passwords equal.
pub const MAX_BYTES: usize = 72;

/// What verifying a password against a hash showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// It is the password.
    pub matches: bool,
    /// The hash was made with another cost than today's, and should be replaced while the password is at hand.
    pub outdated: bool,
}

/// Hashes a password. The result begins with `$2b$`.
///
/// # Errors
/// When the cost is none (4 to 31), the password is too long, or the system has no randomness; the text says which.
pub(super) fn hash(password: &str, cost: u32) -> Result<String, String> {
    if password.len() > MAX_BYTES {
        return Err(format!("a password of {} bytes reached the hasher", password.len()));
    }
    ::bcrypt::hash(password, cost).map_err(|e| e.to_string())
}

/// Verifies a password against any `$2a$`, `$2b$` or `$2y$` hash.
///
/// # Errors
/// When the hash is none of these: someone wrote to the table, and nobody can sign in with that row.
pub(super) fn verify(password: &str, hash: &str, cost: u32) -> Result<Verified, String> {
    let known = ["$2a$", "$2b$", "$2y$"]
        .into_iter()
        .any(|prefix| hash.starts_with(prefix));
    let parts = known.then(|| hash.parse::<::bcrypt::HashParts>().ok()).flatten();
    let parts = parts.ok_or("the stored password hash is no bcrypt hash")?;
    // The work is done for a password that cannot match, too: the time of an answer must not tell one from the other.
    let too_long = password.len() > MAX_BYTES;
    let readable = if too_long { "" } else { password };
    let matches = ::bcrypt::verify(readable, hash).map_err(|e| e.to_string())?;
    Ok(Verified {
        matches: matches && !too_long,
        outdated: parts.get_cost() != cost,
    })
}

/// A hash that no password is known for. Verifying against it costs what verifying against a real one costs, so that
/// the time of an answer does not tell whether an account exists.
pub(super) fn dummy(cost: u32) -> String {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuu5eHj.xVYmjv1xvTqWr0nXZ3JwyZ8eQu")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: u32 = 4;

    #[test]
    fn a_password_matches_its_hash_and_a_near_miss_does_not() {
        let hash = hash("correct horse", COST).unwrap();
        assert!(hash.starts_with("$2b$04$"), "{hash}");
        assert_eq!(
            verify("correct horse", &hash, COST),
            Ok(Verified {
                matches: true,
                outdated: false
            })
        );
        assert!(!verify("correct horsf", &hash, COST).unwrap().matches);
        assert!(!verify("", &hash, COST).unwrap().matches);
    }

    #[test]
    fn hashes_of_other_makers_verify_and_count_as_outdated_when_the_cost_differs() {
        // By crypt_blowfish, Python and PHP's prefix, for the same password.
        let hash = hash("hunter22", 5).unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = hash.replacen("$2b$", prefix, 1);
            assert_eq!(
                verify("hunter22", &hash, COST),
                Ok(Verified {
                    matches: true,
                    outdated: true
                })
            );
        }
        for unknown in ["", "$2x$04$abc", "$argon2id$v=19$x", "hunter22", &hash[..59]] {
            assert!(verify("hunter22", unknown, COST).is_err(), "{unknown}");
        }
    }

    #[test]
    fn seventy_two_bytes_are_a_password_and_seventy_three_are_not() {
        let longest = "a".repeat(72);
        let hash = hash(&longest, COST).unwrap();
        assert!(verify(&longest, &hash, COST).unwrap().matches);
        assert!(
            !verify(&"a".repeat(73), &hash, COST).unwrap().matches,
            "a cut password would match"
        );
        assert!(!verify(&"a".repeat(71), &hash, COST).unwrap().matches);
        assert!(super::hash(&"a".repeat(73), COST).is_err());
    }

    #[test]
    fn the_dummy_hash_is_verified_like_any_other() {
        assert_eq!(
            verify("anything", &dummy(COST), COST),
            Ok(Verified {
                matches: false,
                outdated: false
            })
        );
        assert!(!verify("", &dummy(COST), COST).unwrap().matches);
    }
}
