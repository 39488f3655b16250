//! The keys that are derived from `auth.secret`, each for one use, and their labels.

/// One use of `auth.secret`. Each has a key of its own (HKDF-SHA256, RFC 5869, with the label as `info`), so that a
/// value made for one use is never accepted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Names a secret: its id is derived like a key, so that it says nothing about the others.
    KeyId,
    /// Encrypts the private keys of signing keys.
    SigningKey,
    /// Encrypts the secrets of authenticator apps.
    TotpSecret,
    /// Encrypts the digests of recovery codes.
    RecoveryCode,
    /// Encrypts queued email.
    Mail,
    /// Encrypts MFA tokens.
    MfaToken,
    /// Authenticates refresh tokens.
    RefreshToken,
    /// Authenticates device tokens.
    DeviceToken,
    /// Authenticates codes that were sent by email.
    EmailedCode,
    /// Compares the secrets of clients in constant time.
    ClientSecret,
}

impl KeyUse {
    /// All uses.
    pub const ALL: [Self; 10] = [
        Self::KeyId,
        Self::SigningKey,
        Self::TotpSecret,
        Self::RecoveryCode,
        Self::Mail,
        Self::MfaToken,
        Self::RefreshToken,
        Self::DeviceToken,
        Self::EmailedCode,
        Self::ClientSecret,
    ];

    /// The label that separates this use's key from the others. If it changed, no existing value of this use could be
    /// decrypted or verified any more.
    pub const fn label(self) -> &'static str {
        match self {
            Self::KeyId => "sidegate/key-id",
            Self::SigningKey => "sidegate/signing-key",
            Self::TotpSecret => "sidegate/totp-secret",
            Self::RecoveryCode => "sidegate/recovery-code",
            Self::Mail => "sidegate/mail",
            Self::MfaToken => "sidegate/mfa-token",
            Self::RefreshToken => "sidegate/refresh-token",
            Self::DeviceToken => "sidegate/device-token",
            Self::EmailedCode => "sidegate/emailed-code",
            Self::ClientSecret => "sidegate/client-secret",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_uses_share_a_label() {
        let labels: BTreeSet<_> = KeyUse::ALL.iter().map(|key_use| key_use.label()).collect();
        assert_eq!(labels.len(), KeyUse::ALL.len());
    }

    #[test]
    fn the_list_of_uses_is_complete_and_in_order() {
        // `Secrets` finds a derived key by this position.
        for (index, key_use) in KeyUse::ALL.into_iter().enumerate() {
            assert_eq!(key_use as usize, index);
        }
        assert_eq!(KeyUse::ClientSecret as usize + 1, KeyUse::ALL.len());
    }
}
