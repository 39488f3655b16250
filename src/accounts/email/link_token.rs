//! The tokens of emailed links: 256 random bits, of which the SHA-256 is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::keys::random;
use crate::secret::Secret;

/// The purpose of a link. The prefix of its token lets secret scanners recognize it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Password reset.
    PasswordReset,
    /// Invitation.
    Invitation,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::PasswordReset => "sgp_",
            Self::Invitation => "sgi_",
        }
    }

    /// A new token, and the hash under which it is stored.
    pub(crate) fn make(self) -> (Secret, [u8; 32]) {
        let text = format!("{}{}", self.prefix(), URL_SAFE_NO_PAD.encode(random::bytes::<32>()));
        let hash = sha256(&text);
        (Secret::new(text), hash)
    }

    /// The hash under which a token is stored; `None` if the text is malformed. It is not salted, because 256 random
    /// bits cannot be guessed from their hash.
    pub(crate) fn hash(self, presented: &str) -> Option<[u8; 32]> {
        // Copied from an email, it can have white space around it.
        let presented = presented.trim();
        let random = URL_SAFE_NO_PAD.decode(presented.strip_prefix(self.prefix())?).ok()?;
        (random.len() == 32).then(|| sha256(presented))
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_again_by_its_hash_and_only_as_what_it_is() {
        let (token, hash) = Kind::PasswordReset.make();
        assert_eq!(Kind::PasswordReset.hash(token.expose()), Some(hash));
        assert_eq!(Kind::PasswordReset.hash(&format!(" {}\n", token.expose())), Some(hash));
        assert_eq!(Kind::Invitation.hash(token.expose()), None, "of another kind");
        let (other, _) = Kind::PasswordReset.make();
        assert_ne!(Kind::PasswordReset.hash(other.expose()), Some(hash));
    }

    #[test]
    fn what_can_be_no_token_has_no_hash() {
        let (token, _) = Kind::Invitation.make();
        let cut = &token.expose()[..token.expose().len() - 1];
        for wrong in [
            "",
            "sgi_",
            "sgi_AAAA",
            cut,
            &token.expose().replace("sgi_", ""),
            "sgi_\u{0}",
        ] {
            assert_eq!(Kind::Invitation.hash(wrong), None, "{wrong:?}");
        }
    }
}
