//! `store:`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings::Findings;
use super::super::interpolate::Environment;
use super::super::path::KeyPath;
use super::super::text::duration::Duration;
use super::super::text::secret::SecretSource;
use crate::secret::Secret;
use crate::store::postgres;
use crate::store::redis::{Settings as RedisSettings, check_url as check_redis_url};

/// Connections to PostgreSQL and Redis.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The source of truth: accounts, refresh tokens, keys, audit log. Only an issuer needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,
    /// Short-lived data: the revocation feed, rate limits, codes, presence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub redis: Option<Redis>,
}

/// The PostgreSQL database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host:5432/database?sslmode=require`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub url: Option<SecretSource>,
    /// The connection pool and its timeouts.
    pub pool: Pool,
    /// Whether to run pending migrations on start. Several instances can start at once.
    pub migrate_on_start: bool,
    /// Replicas that can answer reads.
    pub replicas: Vec<SecretSource>,
}

/// The connection pool and its timeouts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// The maximum number of connections.
    pub max: u16,
    /// How long to wait for a free connection before answering with 503.
    pub wait: Duration,
    /// The timeout of a statement.
    pub statement_timeout: Duration,
    /// The timeout of a new connection.
    pub connect_timeout: Duration,
}

/// The Redis (or Valkey) server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, `rediss://` for TLS, `unix:///path`, `redis-cluster://host,host`, `redis-sentinel://host,host/master`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-required" = true))]
    pub url: Option<SecretSource>,
    /// The prefix of every key. It has to be the same on all instances that share revocations.
    pub namespace: String,
    /// The timeout of a call.
    pub timeout: Duration,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            url: None,
            pool: Pool::default(),
            migrate_on_start: true,
            replicas: Vec::new(),
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            max: 20,
            wait: Duration::seconds(2),
            statement_timeout: Duration::seconds(5),
            connect_timeout: Duration::seconds(2),
        }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            namespace: "sidegate".to_owned(),
            timeout: Duration::ms(250),
        }
    }
}

impl Store {
    /// The settings of PostgreSQL, which only an issuer has. `None` on an issuer means a mistake, which is recorded in `findings`.
    pub(in super::super) fn postgres(
        &self,
        is_issuer: bool,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<postgres::Settings> {
        match (&self.postgres, is_issuer) {
            (Some(written), true) => written.settle(at, environment, findings),
            (Some(_), false) => {
                findings.warn(at, "is not used: without an `auth` section this instance is a verifier");
                None
            }
            (None, true) => {
                findings.add(at, "is required with an `auth` section");
                None
            }
            (None, false) => None,
        }
    }

    /// `None` if there is a mistake, which is recorded in `findings`.
    pub(in super::super) fn redis(
        &self,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<RedisSettings> {
        findings
            .required(at, self.redis.as_ref())?
            .settle(at, environment, findings)
    }
}

impl Postgres {
    fn settle(
        &self,
        at: &KeyPath,
        environment: Environment<'_>,
        findings: &mut Findings,
    ) -> Option<postgres::Settings> {
        let pool = &self.pool;
        let at_pool = at.key("pool");
        findings.range(&at_pool.key("max"), pool.max.into(), 1..=1000);
        for (key, value) in [
            ("wait", pool.wait),
            ("statement_timeout", pool.statement_timeout),
            ("connect_timeout", pool.connect_timeout),
        ] {
            check_deadline(&at_pool.key(key), value, findings);
        }
        let at_url = at.key("url");
        let url = findings.required(&at_url, self.url.as_ref());
        let url = url.and_then(|source| postgres_url(source, &at_url, environment, findings));
        let at_replicas = at.key("replicas");
        let replicas = self.replicas.iter().enumerate();
        let replicas: Vec<_> = replicas
            .map(|(index, source)| postgres_url(source, &at_replicas.index(index), environment, findings))
            .collect();
        Some(postgres::Settings {
            url: url?,
            max: pool.max.into(),
            wait: pool.wait.0,
            statement_timeout: pool.statement_timeout.0,
            connect_timeout: pool.connect_timeout.0,
            replicas: replicas.into_iter().collect::<Option<_>>()?,
        })
    }
}

impl Redis {
    fn settle(&self, at: &KeyPath, environment: Environment<'_>, findings: &mut Findings) -> Option<RedisSettings> {
        check_deadline(&at.key("timeout"), self.timeout, findings);
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if self.namespace.is_empty() || self.namespace.len() > 64 || !self.namespace.bytes().all(legal) {
            let expected = "1 to 64 characters of a-z, A-Z, 0-9, - and _";
            findings.expected(&at.key("namespace"), expected, format_args!("{:?}", self.namespace));
        }
        let at_url = at.key("url");
        let url = findings
            .required(&at_url, self.url.as_ref())?
            .fetch(&at_url, environment, findings)?;
        if let Err(error) = check_redis_url(&url) {
            findings.add(&at_url, error.to_string());
            return None;
        }
        Some(RedisSettings {
            url,
            namespace: self.namespace.clone(),
            timeout: self.timeout.0,
        })
    }
}

fn postgres_url(
    source: &SecretSource,
    at: &KeyPath,
    environment: Environment<'_>,
    findings: &mut Findings,
) -> Option<Secret> {
    let url = source.fetch(at, environment, findings)?;
    if url.expose().contains("://")
        && !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.expose().starts_with(scheme))
    {
        findings.add(at, "expected a URL that begins with postgres://");
        return None;
    }
    if let Err(error) = postgres::check_url(&url) {
        // The message must not quote the URL, which may contain a password.
        findings.add(at, error.to_string());
        return None;
    }
    Some(url)
}

/// Checks a timeout: every call to a store has one, short enough that callers get a response.
fn check_deadline(at: &KeyPath, value: Duration, findings: &mut Findings) {
    findings.range_of(at, &value, &(Duration::ms(1)..=Duration::minutes(1)));
}
