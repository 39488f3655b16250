//! What is wrong with a key.

use super::algorithm::{Algorithm, SECRET_BYTES};

/// Why a key could not be made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// ring signs with RSA but does not make RSA keys.
    #[error(
        "an RS256 key cannot be generated here: make one with `openssl genpkey -algorithm RSA -pkeyopt \
         rsa_keygen_bits:3072 -out key.pem` and bring it in with `sidegate keys import key.pem`"
    )]
    RsaCannotBeGenerated,
    /// The text is no private key in PEM.
    #[error("this is not an unencrypted private key in PEM for {0} (PKCS#8; for RSA also PKCS#1)")]
    NotAPem(Algorithm),
    /// The bytes are no usable private key of that kind.
    #[error("this is not a usable private key for {0}: RSA keys need 2048 to 4096 bits, EC keys the curve P-256")]
    Unusable(Algorithm),
    /// A shared secret verifies and never signs.
    #[error("HS256 tokens are verified here, never made")]
    VerifiesOnly,
    /// A secret that can be guessed.
    #[error("an HS256 secret of {0} bytes is refused: expected {min} or more (RFC 7518 section 3.2)", min = SECRET_BYTES)]
    ShortSecret(usize),
    /// A signature or its claims could not be made.
    #[error("signing failed: {0}")]
    Signing(String),
}
