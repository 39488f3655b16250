//! The names of all keys in Redis: `{namespace}:{resource}:{identifier}`. Every key has a TTL, so that an unused
//! namespace empties itself.

use std::borrow::Cow;

use data_encoding::HEXLOWER;

/// Longer identifiers are replaced by their SHA-256: some come from clients, which must not determine how much memory a
/// key needs.
const LONGEST: usize = 128;

/// Builds the names.
pub(super) struct Keys {
    namespace: String,
    /// The suffix of every key about revocations. On a cluster it puts them on one server, so that they are lost
    /// together or not at all: a heartbeat that outlived the entries it is about would make a revoked token valid.
    tag: String,
}

impl Keys {
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            tag: String::new(),
        }
    }

    /// Like [`Self::new`], for a cluster: the part in braces determines the server of a key, and that of the feed has
    /// its own.
    pub(super) fn of_cluster(namespace: &str) -> Self {
        let keys = Self::new(namespace);
        Self {
            tag: format!(":{{{}}}", keys.revocations()),
            ..keys
        }
    }

    /// A revoked access token.
    pub(super) fn blacklist_jti(&self, jti: &str) -> String {
        self.key("blacklist:jti", jti) + &self.tag
    }

    /// A revoked session.
    pub(super) fn blacklist_sid(&self, sid: &str) -> String {
        self.key("blacklist:sid", sid) + &self.tag
    }

    /// A user, whose tokens with an older version are outdated.
    pub(super) fn blacklist_user(&self, issuer: &str, user: &str) -> String {
        self.key("blacklist:user", &format!("{user}@{issuer}")) + &self.tag
    }

    /// The revoked signing keys: so few that all of them are returned with the status of a token.
    pub(super) fn blacklist_keys(&self) -> String {
        format!("{}:blacklist:keys{}", self.namespace, self.tag)
    }

    /// The feed of revocations.
    pub(super) fn revocations(&self) -> String {
        format!("{}:revocations", self.namespace)
    }

    /// The time of the newest heartbeat in the feed.
    pub(super) fn revocations_heartbeat(&self) -> String {
        format!("{}:revocations:heartbeat{}", self.namespace, self.tag)
    }

    /// The ids of the last heartbeats in the feed.
    pub(super) fn revocations_heartbeats(&self) -> String {
        format!("{}:revocations:heartbeats{}", self.namespace, self.tag)
    }

    /// The issuers that write heartbeats.
    pub(super) fn revocations_issuers(&self) -> String {
        format!("{}:revocations:issuers{}", self.namespace, self.tag)
    }

    /// The log of a rate limit for one key.
    pub(super) fn rate_limit(&self, policy: &str, key: &str) -> String {
        self.key(&format!("ratelimit:{policy}"), key)
    }

    /// The last activity of a session.
    pub(super) fn session(&self, session: &str) -> String {
        self.key("session", session)
    }

    /// The sessions of a user, ordered by last activity.
    pub(super) fn sessions(&self, user: &str) -> String {
        self.key("sessions", user)
    }

    /// The cached copy of an account.
    pub(super) fn user_cache(&self, user: &str) -> String {
        self.key("cache:user", user)
    }

    /// The users, ordered by last activity.
    pub(super) fn presence(&self) -> String {
        format!("{}:presence", self.namespace)
    }

    /// An emailed code.
    pub(super) fn code(&self, purpose: &str, of: &str) -> String {
        self.key(&format!("code:{purpose}"), of)
    }

    /// The accounts that a client IP failed to sign in to.
    pub(super) fn failed_accounts(&self, address: &str) -> String {
        self.key("failedaccounts", address)
    }

    fn key(&self, resource: &str, identifier: &str) -> String {
        let identifier = if identifier.len() > LONGEST {
            Cow::Owned(HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, identifier.as_bytes()).as_ref()))
        } else {
            Cow::Borrowed(identifier)
        };
        format!("{}:{resource}:{identifier}", self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_cluster_all_that_is_about_revocations_lies_where_the_feed_does() {
        let keys = Keys::of_cluster("sidegate");
        assert_eq!(keys.revocations(), "sidegate:revocations");
        for key in [
            keys.revocations_heartbeat(),
            keys.revocations_heartbeats(),
            keys.revocations_issuers(),
            keys.blacklist_jti("a"),
            keys.blacklist_sid("a"),
            keys.blacklist_user("https://gw.test", "a"),
            keys.blacklist_keys(),
        ] {
            assert!(
                key.starts_with("sidegate:") && key.ends_with(":{sidegate:revocations}"),
                "{key}"
            );
        }
        assert!(!keys.session("a").contains('{'), "the rest is spread");
    }

    #[test]
    fn every_key_begins_with_its_namespace_and_is_short() {
        let keys = Keys::new("sidegate");
        assert_eq!(keys.blacklist_jti("a"), "sidegate:blacklist:jti:a");
        assert_eq!(
            keys.rate_limit("login", "192.0.2.1"),
            "sidegate:ratelimit:login:192.0.2.1"
        );
        assert_eq!(keys.revocations(), "sidegate:revocations");
        assert!(keys.rate_limit("login", &"x".repeat(100_000)).len() < 100);
        assert_ne!(keys.session(&"x".repeat(200)), keys.session(&"x".repeat(201)));
    }
}
