//! What keys are derived from `auth.secret` for, with the label of each.

/// One use of `auth.secret`. Each has a key of its own (HKDF-SHA256, RFC 5869, with the label as `info`), so that a
/// value made for one use is never accepted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Names a secret: its id is derived like a key, so that it says nothing about the others.
    KeyId,
    /// Seals the private halves of signing keys.
    SigningKey,
    /// Seals the secrets of authenticators.
    TotpSecret,
    /// Seals the digests of recovery codes.
    RecoveryCode,
    /// Seals the mail queue.
    Mail,
    /// Seals MFA tokens.
    MfaToken,
    /// Authenticates refresh tokens.
    RefreshToken,
    /// Authenticates device tokens.
    DeviceToken,
    /// Authenticates codes that were sent by email.
    MailedCode,
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
        Self::MailedCode,
        Self::ClientSecret,
    ];

    /// The label that separates this use's key from the others. A changed label makes every value of this use
    /// unreadable.
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
            Self::MailedCode => "sidegate/mailed-code",
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
