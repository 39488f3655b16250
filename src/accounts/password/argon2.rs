//! Argon2. New hashes are `argon2id`; imported `argon2i` hashes are verified.

use ::argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, Version};

use crate::keys::random;

/// The longest password, in bytes. Argon2 itself would accept four gigabytes.
pub(crate) const MAX_BYTES: usize = 1024;

/// The most memory of a hash that is verified: an imported one with more would cost that much at each sign-in.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// The most iterations of a hash that is verified.
const MAX_ITERATIONS: u32 = 64;
const MAX_LANES: u32 = 64;

/// The parameters of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The memory of a hash in KiB.
    pub memory_kib: u32,
    /// The number of iterations.
    pub iterations: u32,
    /// The degree of parallelism. Lanes are computed one after the other.
    pub parallelism: u32,
}

impl Default for Cost {
    /// The first choice of the OWASP Password Storage Cheat Sheet for argon2id.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            iterations: 2,
            parallelism: 1,
        }
    }
}

impl Cost {
    fn params(self) -> Result<Params, String> {
        Params::new(self.memory_kib, self.iterations, self.parallelism, None).map_err(|error| error.to_string())
    }
}

/// A parsed hash.
pub(crate) struct Stored {
    hash: PasswordHash,
    algorithm: Algorithm,
    version: Version,
    params: Params,
}

/// Hashes a password. The result starts with `$argon2id$v=19$`.
///
/// # Errors
/// When the parameters are invalid or there is not enough memory; the text says which.
pub(crate) fn hash(password: &str, cost: Cost) -> Result<String, String> {
    if password.len() > MAX_BYTES {
        return Err(format!("a password of {} bytes reached the hasher", password.len()));
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &random::bytes::<16>());
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

impl Stored {
    /// Parses a hash in the PHC format.
    ///
    /// # Errors
    /// When it is malformed, or its parameters exceed the limits.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let wrong = || "the stored password hash is no argon2 hash that can be verified".to_owned();
        let hash = PasswordHash::new(text).map_err(|_| wrong())?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| wrong())?;
        // Argon2d leaks the password through cache timing and is not used for passwords.
        if algorithm == Algorithm::Argon2d || hash.salt.is_none() || hash.hash.is_none() {
            return Err(wrong());
        }
        // Hashes from before 2016 have no version.
        let version = Version::try_from(hash.version.unwrap_or(0x10)).map_err(|_| wrong())?;
        let params = Params::try_from(&hash).map_err(|_| wrong())?;
        let bounded = params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_ITERATIONS
            && params.p_cost() <= MAX_LANES
            && params.keyid().is_empty();
        if !bounded {
            return Err(wrong());
        }
        Ok(Self {
            hash,
            algorithm,
            version,
            params,
        })
    }

    /// `argon2id` or `argon2i`.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Argon2i => "argon2i",
            _ => "argon2id",
        }
    }

    /// Whether it has the current parameters.
    pub(crate) fn is_made_with(&self, cost: Cost) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
                == (cost.memory_kib, cost.iterations, cost.parallelism)
    }

    /// Whether it is the hash of this password.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(crate) fn verify(self, password: &str) -> Result<bool, String> {
        let Some(salt) = self.hash.salt else { return Ok(false) };
        let argon2 = Argon2::new(self.algorithm, self.version, self.params);
        let computed = argon2
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|error| error.to_string())?;
        // `Output` compares in constant time.
        Ok(computed.hash == self.hash.hash)
    }
}

/// A hash of no known password, which takes as long to verify as a real one.
pub(crate) fn dummy(cost: Cost) -> String {
    let Cost {
        memory_kib,
        iterations,
        parallelism,
    } = cost;
    format!(
        "$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}\
         $bm8gc2FsdCBhdCBhbGwhIQ$bm9ib2R5IGtub3dzIGEgcGFzc3dvcmQgZm9yIHRoaXM"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 16,
        iterations: 1,
        parallelism: 1,
    };

    fn verify(password: &str, hash: &str) -> Result<bool, String> {
        Stored::read(hash)?.verify(password)
    }

    #[test]
    fn a_password_matches_its_hash_and_a_near_miss_does_not() {
        let hash = hash("correct horse", CHEAP).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{hash}");
        assert_eq!(verify("correct horse", &hash), Ok(true));
        assert_eq!(verify("correct horsf", &hash), Ok(false));
        assert_eq!(verify("", &hash), Ok(false));
        assert_ne!(
            super::hash("correct horse", CHEAP).unwrap(),
            hash,
            "each has a salt of its own"
        );
    }

    #[test]
    fn hashes_of_other_makers_verify() {
        // The test vectors of the reference implementation (`phc-winner-argon2`, test.c), for `password`, salt
        // `somesalt`.
        for (hash, word) in [
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                "argon2id",
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
                "argon2id",
            ),
            (
                "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
                "argon2i",
            ),
            (
                "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
                "argon2i",
            ),
        ] {
            assert_eq!(verify("password", hash), Ok(true), "{hash}");
            assert_eq!(verify("passwore", hash), Ok(false), "{hash}");
            assert_eq!(Stored::read(hash).unwrap().as_str(), word);
        }
    }

    #[test]
    fn what_is_no_hash_or_would_take_all_the_memory_is_not_verified() {
        for wrong in [
            "",
            "$argon2id$",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=2097152,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=100000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$2b$04$abcdefghijklmnopqrstuu5eHj.xVYmjv1xvTqWr0nXZ3JwyZ8eQu",
        ] {
            assert!(verify("password", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_parameter_is_compared_with_todays() {
        let made = Stored::read(&hash("correct horse", CHEAP).unwrap()).unwrap();
        assert!(made.is_made_with(CHEAP));
        for other in [
            Cost {
                memory_kib: 17,
                ..CHEAP
            },
            Cost { iterations: 2, ..CHEAP },
            Cost {
                parallelism: 2,
                ..CHEAP
            },
        ] {
            assert!(!made.is_made_with(other), "{other:?}");
        }
        let argon2i = "$argon2i$v=19$m=16,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        assert!(!Stored::read(argon2i).unwrap().is_made_with(CHEAP));
    }

    #[test]
    fn a_password_longer_than_bcrypt_reads_is_one_password_and_not_its_beginning() {
        let long = "a".repeat(100);
        let made = hash(&long, CHEAP).unwrap();
        assert_eq!(
            (verify(&long, &made), verify(&long[..72], &made)),
            (Ok(true), Ok(false))
        );
        assert!(hash(&"a".repeat(MAX_BYTES + 1), CHEAP).is_err());
    }

    #[test]
    fn the_dummy_hash_costs_what_a_real_one_costs() {
        let dummy = dummy(CHEAP);
        assert!(Stored::read(&dummy).unwrap().is_made_with(CHEAP));
        assert_eq!(verify("anything", &dummy), Ok(false));
    }
}
