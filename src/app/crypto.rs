//! Selects the crypto library of the process.

use crate::keys;

/// Installs ring as the crypto library of rustls and jsonwebtoken.
pub fn install_crypto() {
    // An error only means that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    keys::provider::install();
}
