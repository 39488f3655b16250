//! bcrypt. It reads 72 bytes of a password. Longer new passwords are refused, and hashes of unknown variants too.
//!
//! Other systems truncate, so that an imported hash may be that of the first 72 bytes of a longer password. It is
//! verified as its system did, and recognized by its prefix: hashes of our own have `$2b$`, and imported ones are stored
//! with `$2y$`, which means the same to bcrypt.

/// The longest password, in bytes. bcrypt would truncate longer ones, so that different passwords would be equal.
pub(crate) const MAX_BYTES: usize = 72;

/// The accepted prefixes. `$2x$` is not accepted: a broken implementation created those.
pub(crate) const PREFIXES: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// The highest cost of a hash that is verified; a higher one would occupy a thread for hours.
const MAX_COST: u32 = 20;

/// Hashes a password. The result starts with `$2b$`.
///
/// # Errors
/// When the cost is invalid (4 to 31), the password is too long, or the system has no randomness; the text says which.
pub(crate) fn hash(password: &str, cost: u32) -> Result<String, String> {
    if password.len() > MAX_BYTES {
        return Err(format!("a password of {} bytes reached the hasher", password.len()));
    }
    ::bcrypt::hash(password, cost).map_err(|e| e.to_string())
}

/// The cost of a hash.
///
/// # Errors
/// When it is not a bcrypt hash.
pub(crate) fn cost_of(hash: &str) -> Result<u32, String> {
    let known = PREFIXES.into_iter().any(|prefix| hash.starts_with(prefix));
    let parts = known.then(|| hash.parse::<::bcrypt::HashParts>().ok()).flatten();
    let cost = parts.map(|parts| parts.get_cost()).filter(|cost| *cost <= MAX_COST);
    cost.ok_or_else(|| "the stored password hash is no bcrypt hash".to_owned())
}

/// The prefix of hashes that are made here.
const OURS: &str = "$2b$";

/// Whether another system made the hash.
pub(crate) fn is_imported(hash: &str) -> bool {
    !hash.starts_with(OURS)
}

/// The form in which a hash of another system is stored.
pub(crate) fn imported(hash: &str) -> String {
    match hash.strip_prefix(OURS) {
        Some(rest) => format!("$2y${rest}"),
        None => hash.to_owned(),
    }
}

/// Verifies a password against any `$2a$`, `$2b$` or `$2y$` hash.
///
/// # Errors
/// See [`cost_of`].
pub(crate) fn verify(password: &str, hash: &str) -> Result<bool, String> {
    cost_of(hash)?;
    // The same work is done for a password that cannot match: the response time must not reveal it.
    let too_long = password.len() > MAX_BYTES && !is_imported(hash);
    let readable = if too_long { "" } else { password };
    let matches = ::bcrypt::verify(readable, hash).map_err(|e| e.to_string())?;
    Ok(matches && !too_long)
}

/// A hash of no known password. Verifying it takes as long as a real one, so that the response time does not reveal
/// whether an account exists.
pub(crate) fn dummy(cost: u32) -> String {
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
        assert_eq!(cost_of(&hash), Ok(4));
        assert_eq!(verify("correct horse", &hash), Ok(true));
        assert_eq!(verify("correct horsf", &hash), Ok(false));
        assert_eq!(verify("", &hash), Ok(false));
    }

    #[test]
    fn hashes_of_other_makers_verify() {
        // By crypt_blowfish, Python and PHP's prefix, for the same password.
        let hash = hash("hunter22", 5).unwrap();
        for prefix in PREFIXES {
            let hash = hash.replacen("$2b$", prefix, 1);
            assert_eq!((verify("hunter22", &hash), cost_of(&hash)), (Ok(true), Ok(5)));
        }
        // A test vector of crypt_blowfish.
        let vector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!((verify("U*U", vector), verify("U*V", vector)), (Ok(true), Ok(false)));
        let costly = hash.replacen("$05$", "$21$", 1);
        for unknown in ["", "$2x$04$abc", "$argon2id$v=19$x", "hunter22", &hash[..59], &costly] {
            assert!(verify("hunter22", unknown).is_err(), "{unknown}");
        }
    }

    #[test]
    fn seventy_two_bytes_are_a_password_and_seventy_three_are_not() {
        let longest = "a".repeat(72);
        let hash = hash(&longest, COST).unwrap();
        assert_eq!(verify(&longest, &hash), Ok(true));
        assert_eq!(verify(&"a".repeat(73), &hash), Ok(false), "a cut password would match");
        assert_eq!(verify(&"a".repeat(71), &hash), Ok(false));
        assert!(super::hash(&"a".repeat(73), COST).is_err());
    }

    #[test]
    fn an_imported_hash_reads_as_many_bytes_as_its_system_did() {
        let hash = imported(&::bcrypt::hash("a".repeat(80), COST).unwrap());
        assert_eq!(verify(&"a".repeat(80), &hash), Ok(true));
        assert_eq!(verify(&"a".repeat(71), &hash), Ok(false));
        for prefix in ["$2a$", "$2y$"] {
            let kept = hash.replacen("$2y$", prefix, 1);
            assert_eq!(imported(&kept), kept);
        }
    }

    #[test]
    fn the_dummy_hash_is_verified_like_any_other() {
        assert_eq!(verify("anything", &dummy(COST)), Ok(false));
        assert_eq!(verify("", &dummy(COST)), Ok(false));
    }
}
