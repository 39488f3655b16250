//! Fingerprints of ids by which tokens are revoked. They are short, because a million cached tokens and a million
//! revocations contain them, and a memory dump does not reveal users' ids.

use ring::digest::{Context, SHA256};

use crate::store::revocations::Subject;

/// 64 bits of a SHA-256. With a million revocations and a million tokens the probability of a collision is one in ten
/// million, and an attacker who could cause one would only revoke a token.
pub(super) type Fingerprint = u64;

/// The fingerprints by which a token can be revoked. Computed once, when the token is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprints {
    pub(in crate::gate) token: Fingerprint,
    pub(in crate::gate) session: Fingerprint,
    pub(in crate::gate) user: Fingerprint,
    pub(in crate::gate) key: Fingerprint,
    pub(in crate::gate) version: u32,
}

/// The ids of a token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `jti`.
    pub jti: Option<&'a str>,
    /// `sid`.
    pub session: Option<&'a str>,
    /// `sub`.
    pub user: Option<&'a str>,
    /// The key that verified it, whether or not the token names it: [`key_fingerprint`].
    pub key: u64,
    /// `ver`; 0 if it is absent or not a valid number.
    pub version: u32,
}

impl Fingerprints {
    /// Computes them; an absent id has no fingerprint.
    pub fn of(ids: &Ids<'_>) -> Self {
        let of = |kind, id: Option<&str>| id.map_or(NONE, |id| hash(kind, &[id]));
        Self {
            token: of(TOKEN, ids.jti),
            session: of(SESSION, ids.session),
            user: ids.user.map_or(NONE, |user| hash(USER, &[ids.issuer, user])),
            key: ids.key,
            version: ids.version,
        }
    }

    /// Whether the token was verified with the key of this `kid`.
    pub(super) fn is_signed_by(&self, kid: &str) -> bool {
        self.key == hash(KEY, &[kid])
    }

    /// Whether the token was issued with an older version than this.
    pub(super) const fn is_older_than(&self, version: u32) -> bool {
        self.version < version
    }

    pub(super) fn known(&self) -> impl Iterator<Item = Fingerprint> {
        [self.token, self.session, self.user, self.key]
            .into_iter()
            .filter(|fingerprint| *fingerprint != NONE)
    }
}

/// The fingerprint of a signing key.
pub fn key_fingerprint(kid: Option<&str>) -> u64 {
    kid.map_or(NONE, |kid| hash(KEY, &[kid]))
}

/// The fingerprint under which a revocation is found.
pub(super) fn of_subject(subject: &Subject) -> Fingerprint {
    match subject {
        Subject::Token(jti) => hash(TOKEN, &[jti]),
        Subject::Session(sid) => hash(SESSION, &[sid]),
        Subject::User { issuer, id, .. } => hash(USER, &[issuer, id]),
        Subject::Key(kid) => hash(KEY, &[kid]),
    }
}

/// The value for an absent id.
pub(super) const NONE: Fingerprint = 0;

const TOKEN: &str = "token";
const SESSION: &str = "session";
const USER: &str = "user";
const KEY: &str = "key";

fn hash(kind: &str, parts: &[&str]) -> Fingerprint {
    let mut context = Context::new(&SHA256);
    context.update(kind.as_bytes());
    for part in parts {
        // Hashed with their lengths, so that no other pair of ids has the same bytes.
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let hash = context.finish();
    let [first, ..] = *hash.as_ref().as_chunks().0 else {
        unreachable!("SHA-256 has 32 bytes")
    };
    Fingerprint::from_be_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_only_in_its_own_kind_and_a_user_only_of_its_issuer() {
        let ids = Ids {
            issuer: "https://a.test",
            jti: Some("x"),
            session: Some("x"),
            user: Some("x"),
            key: key_fingerprint(Some("x")),
            version: 3,
        };
        let of = Fingerprints::of(&ids);
        let all: std::collections::HashSet<_> = of.known().collect();
        assert_eq!(all.len(), 4);
        let elsewhere = Ids {
            issuer: "https://b.test",
            ..ids
        };
        assert_ne!(Fingerprints::of(&elsewhere).user, of.user);
        assert_ne!(hash(USER, &["ab", "c"]), hash(USER, &["a", "bc"]));
    }

    #[test]
    fn a_token_and_its_revocation_have_the_same_fingerprint() {
        let of = Fingerprints::of(&Ids {
            issuer: "i",
            jti: Some("j"),
            session: Some("s"),
            user: Some("u"),
            key: key_fingerprint(Some("k")),
            version: 0,
        });
        let user = Subject::User {
            issuer: "i".to_owned(),
            id: "u".to_owned(),
            version: 1,
        };
        let subjects = [
            Subject::Token("j".to_owned()),
            Subject::Session("s".to_owned()),
            user,
            Subject::Key("k".to_owned()),
        ];
        assert!(subjects.iter().map(of_subject).eq(of.known()));
    }

    #[test]
    fn what_is_absent_has_no_fingerprint() {
        assert_eq!(Fingerprints::of(&Ids::default()).known().count(), 0);
    }
}
