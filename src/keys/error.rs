//! Errors of keys.

use super::algorithm::{Algorithm, SECRET_BYTES};

/// Why a key could not be generated, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// ring cannot generate RSA keys.
    #[error(
        "an RS256 key cannot be generated here: make one with `openssl genpkey -algorithm RSA -pkeyopt \
         rsa_keygen_bits:3072 -out key.pem` and bring it in with `sidegate keys import key.pem`"
    )]
    RsaCannotBeGenerated,
    /// The text is not a private key in PEM.
    #[error("this is not an unencrypted private key in PEM for {0} (PKCS#8; for RSA also PKCS#1)")]
    NotAPem(Algorithm),
    /// The bytes are not a usable private key of that type.
    #[error("this is not a usable private key for {0}: RSA keys need 3072 to 4096 bits, EC keys the curve P-256")]
    Unusable(Algorithm),
    /// A shared secret is used for verification only.
    #[error("HS256 is supported for verification only")]
    VerifiesOnly,
    /// A secret that is too short.
    #[error("an HS256 secret of {0} bytes is refused: expected {min} or more (RFC 7518 section 3.2)", min = SECRET_BYTES)]
    ShortSecret(usize),
    /// The claims could not be serialized or signed.
    #[error("signing failed: {0}")]
    Signing(String),
}
