//! The signature algorithms.

use std::fmt;
use std::str::FromStr;

/// The supported signature algorithms (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA PKCS#1 v1.5 with SHA-256, 2048 to 8192 bits.
    Rs256,
    /// HMAC with SHA-256 and a secret of the configuration. Verification only, and never published, because anybody who
    /// can verify with it can sign.
    Hs256,
}

impl Algorithm {
    /// All algorithms with public keys, in the order in which an error lists them.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The name in a JOSE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    /// Whether `alg` in a token or a key names this algorithm. RFC 9864 renames `EdDSA` with this curve to `Ed25519`;
    /// issuers use either name.
    pub fn is_named(self, alg: &str) -> bool {
        alg == self.name() || (self == Self::EdDsa && alg == "Ed25519")
    }

    pub(super) const fn of_jsonwebtoken(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The minimum length of an HS256 secret, in bytes: that of the hash (RFC 7518 section 3.2). A shorter one can be found
/// offline by brute force, with a single token.
pub(super) const SECRET_BYTES: usize = 32;

/// The error for a name that is not one of [`Algorithm::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a supported algorithm: expected ES256, EdDSA or RS256")]
pub struct UnknownAlgorithm(String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Exact: JOSE names are case-sensitive (RFC 7515 section 4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}
