//! What is fixed when the process starts. The rest of the configuration is the
//! [`Snapshot`](crate::proxy::snapshot::Snapshot).

use std::net::SocketAddr;
use std::time::Duration;

use crate::accounts;
use crate::log;
use crate::store::postgres;
use crate::store::redis::Settings as RedisSettings;

/// The part of the configuration that needs a restart.
#[derive(Debug, Clone)]
pub struct Boot {
    /// `server.listen`
    pub listen: SocketAddr,
    /// `server.admin`
    pub admin: SocketAddr,
    /// `server.public_url`
    pub public_url: Option<String>,
    /// `server.threads`, or one per core.
    pub threads: usize,
    /// `server.shutdown.drain_delay`
    pub drain_delay: Duration,
    /// `server.shutdown.grace_period`
    pub grace_period: Duration,
    /// `store.postgres`; only an issuer has it.
    pub postgres: Option<postgres::Settings>,
    /// `store.postgres.migrate_on_start`
    pub migrate_on_start: bool,
    /// `store.redis`
    pub redis: RedisSettings,
    /// `revocation.feed`
    pub revocation_feed: Feed,
    /// `auth`; a verifier has none.
    pub auth: Option<accounts::Settings>,
    /// `auth.retention`; only an issuer has it.
    pub retention: Option<Retention>,
    /// `observability.log.format`
    pub log_format: log::Format,
    /// `observability.log.level`
    pub log_level: String,
}

/// `revocation.feed`: where revocations are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The feed in Redis that the issuer's instances write.
    Redis,
    /// Nowhere: every issuer that is trusted is another product, which publishes none.
    None,
}

/// `auth.retention`: for how long rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Refresh and password reset tokens, after they ended.
    pub tokens: Duration,
    /// Audit entries.
    pub audit: Duration,
}

impl Boot {
    /// The `iss` of the assertions that this instance signs: `auth.issuer`, or `server.public_url` of a verifier.
    pub fn asserts_as(&self) -> &str {
        let issuer = self.auth.as_ref().map(|auth| auth.issuer.as_str());
        issuer.or(self.public_url.as_deref()).unwrap_or("urn:sidegate:verifier")
    }

    /// The keys that differ from `other` and that need a restart.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.fields().into_iter().zip(other.fields());
        pairs
            .filter(|((_, mine), (_, theirs))| mine != theirs)
            .map(|((key, _), _)| key)
            .collect()
    }

    /// Each key with a value to compare. Secrets are compared by a digest, so that no copy of them is kept.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let primary = self.postgres.as_ref();
        let auth = self.auth.as_ref();
        let secrets: Vec<String> = auth
            .iter()
            .flat_map(|auth| auth.secrets.ids())
            .map(|id| id.to_string())
            .collect();
        vec![
            ("server.listen", self.listen.to_string()),
            ("server.admin", self.admin.to_string()),
            ("server.public_url", format!("{:?}", self.public_url)),
            ("server.threads", self.threads.to_string()),
            (
                "server.shutdown",
                format!("{:?} {:?}", self.drain_delay, self.grace_period),
            ),
            (
                "store.postgres.url",
                digest(primary.map(|primary| primary.url.expose().as_bytes())),
            ),
            (
                "store.postgres.replicas",
                primary
                    .iter()
                    .flat_map(|p| &p.replicas)
                    .map(|url| digest(Some(url.expose().as_bytes())))
                    .collect(),
            ),
            ("store.postgres.migrate_on_start", self.migrate_on_start.to_string()),
            (
                "store.postgres.pool",
                primary.map(|p| format!("{p:?}")).unwrap_or_default(),
            ),
            ("store.redis.url", digest(Some(self.redis.url.expose().as_bytes()))),
            ("store.redis", format!("{:?}", self.redis)),
            ("revocation.feed", format!("{:?}", self.revocation_feed)),
            ("auth.secret", secrets.first().cloned().unwrap_or_default()),
            ("auth.previous_secrets", secrets.get(1..).unwrap_or_default().join(" ")),
            ("auth.clients", digest(auth.map(client_secrets).as_deref())),
            (
                "auth.mail.smtp.password",
                digest(
                    auth.and_then(|auth| auth.mail.as_ref()?.password())
                        .map(|password| password.expose().as_bytes()),
                ),
            ),
            ("auth", format!("{auth:?}")),
            ("auth.retention", format!("{:?}", self.retention)),
            ("observability.log", format!("{:?} {}", self.log_format, self.log_level)),
        ]
    }
}

fn client_secrets(auth: &accounts::Settings) -> Vec<u8> {
    let secrets = auth.clients.iter().map(|client| client.secret.expose().as_bytes());
    secrets.collect::<Vec<_>>().join(&0)
}

fn digest(secret: Option<&[u8]>) -> String {
    secret
        .map(|bytes| format!("{:?}", ring::digest::digest(&ring::digest::SHA256, bytes)))
        .unwrap_or_default()
}
