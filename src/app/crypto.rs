//! The one crypto library.

use crate::keys;

/// rustls and jsonwebtoken both ask the process which crypto library to use: ring, everywhere.
pub fn install_crypto() {
    // An error only says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    keys::provider::install();
}
