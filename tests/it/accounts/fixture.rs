//! The services on a database of their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use prometheus::core::Collector;
use sidegate::accounts::settings::{
    AccessToken, AuditRefreshes, Email, Limits, Lockout, LoginLimit, Mfa, Password, PasswordReset, RefreshToken,
    Registration, Sessions, Signing,
};
use sidegate::accounts::{
    Accounts, Attempt, Hasher, Limiter, Login, LoginError, NewAccount, Operator, Origin, Pair, Parts, RefreshError,
    Revoker, SessionOf, Settings, Taken, User,
};
use sidegate::keys::issuer::Issuer;
use sidegate::keys::{Algorithm, Keys, Secrets, issuer, provider};
use sidegate::mail::Templates;
use sidegate::mail::links::{Link, Links};
use sidegate::mail::settings::{Mail, Retry, Transport, mailbox};
use sidegate::metrics::Metrics;
use sidegate::secret::{Key32, Secret};
use sidegate::store::postgres::Postgres;
use sidegate::store::redis::Redis;
use sidegate::store::revocations::{Recorded, Revocation};
use time::OffsetDateTime;

use crate::store::fixture::{Database, NOW};
use crate::support;

pub(crate) const PASSWORD: &str = "quarrel-lantern-71-osprey";

/// The services that an endpoint uses, without the endpoint.
pub(crate) struct Services {
    pub(crate) accounts: Accounts,
    /// The other instances on the same database.
    instances: [Accounts; 3],
    turn: AtomicUsize,
    pub(crate) database: Database,
    /// The revocations that were sent to the feed.
    pub(crate) published: Arc<Mutex<Vec<Revocation>>>,
    /// The metrics.
    pub(crate) metrics: Arc<Metrics>,
}

impl Services {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let unlimited = |_: &Redis| {
            Limiter::new(Arc::new(|_, _, _, _| {
                async {
                    Ok(Taken {
                        allowed: true,
                        retry_after: Duration::ZERO,
                    })
                }
                .boxed()
            }))
        };
        Self::build(change, unlimited).await
    }

    /// With the limits of the settings, counted in Redis.
    pub(crate) async fn with_limits(change: impl FnOnce(&mut Settings)) -> Self {
        Self::build(change, |redis| Limiter::in_redis(redis.clone())).await
    }

    async fn build(change: impl FnOnce(&mut Settings), limiter: impl Fn(&Redis) -> Limiter) -> Self {
        provider::install();
        let database = Database::migrated().await;
        let metrics = Arc::new(Metrics::new());
        let limits = sidegate::store::postgres::Settings {
            max: 16,
            wait: Duration::from_secs(30),
            ..database.settings()
        };
        let postgres = Postgres::connect(&limits, &metrics).unwrap();
        let mut settings = settings();
        change(&mut settings);
        let keys = Arc::new(Keys::default());
        issuer(&settings, &postgres, &keys).load(NOW).await.unwrap();
        let published = Arc::new(Mutex::new(Vec::new()));
        let feed = Arc::clone(&published);
        let publish = move |rows: Vec<Recorded>| {
            feed.lock().unwrap().extend(rows.into_iter().map(|row| row.revocation));
            async { Ok(()) }.boxed()
        };
        let redis = redis(&metrics).await;
        let settings = Arc::new(settings);
        let instance = || {
            Accounts::new(&Parts {
                hasher: Arc::new(Hasher::start(&settings.password, Arc::clone(&metrics)).unwrap()),
                settings: Arc::clone(&settings),
                postgres: postgres.clone(),
                redis: redis.clone(),
                keys: Arc::clone(&keys),
                revoker: Arc::new(Revoker::new(Arc::new(|_: &[Recorded]| {}), Arc::new(publish.clone()))),
                limiter: Arc::new(limiter(&redis)),
                metrics: Arc::clone(&metrics),
            })
        };
        Self {
            accounts: instance(),
            instances: [instance(), instance(), instance()],
            turn: AtomicUsize::new(0),
            database,
            published,
            metrics,
        }
    }

    pub(crate) async fn user(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let password = Secret::new(PASSWORD);
        let wanted = NewAccount {
            email: &email,
            username: Some(name),
            password: &password,
            roles: &[],
            permissions: &[],
            email_verified: true,
        };
        self.accounts
            .operator
            .accounts
            .create(wanted, &Operator::command_line(), NOW)
            .await
            .unwrap()
    }

    pub(crate) async fn try_login(&self, login: &str, password: &str, now: OffsetDateTime) -> Result<Pair, LoginError> {
        let password = Secret::new(password);
        let attempt = Attempt {
            login,
            password: &password,
            device_name: None,
            device_token: None,
        };
        match self.accounts.login.login(attempt, &Origin::default(), now).await? {
            Login::SignedIn(signed_in) => Ok(signed_in.pair),
            Login::SecondFactor(challenge) => panic!("a second factor was required: {:?}", challenge.methods),
        }
    }

    pub(crate) async fn login(&self, login: &str) -> Pair {
        self.try_login(login, PASSWORD, NOW).await.unwrap()
    }

    /// Returns another instance at each call, so that decisions depend on the database and not on the memory of one
    /// process.
    pub(crate) async fn refresh(&self, token: &str, now: OffsetDateTime) -> Result<Pair, RefreshError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.instances[turn % self.instances.len()]
            .refresher
            .refresh(&Secret::new(token), &Origin::default(), now)
            .await
    }

    pub(crate) async fn count(&self, sql: &str, value: &str) -> i64 {
        self.database.raw.query_one(sql, &[&value]).await.unwrap().get(0)
    }

    /// The number of refresh tokens of a session that would be accepted as unused.
    pub(crate) async fn live(&self, pair: &Pair) -> i64 {
        let sql = "SELECT count(*)
                   FROM refresh_tokens
                   JOIN sessions ON sessions.id = session_id
                   WHERE session_id::text = $1 AND used_at IS NULL AND ended_at IS NULL";
        self.count(sql, &pair.session_id.to_string()).await
    }

    /// The number of statements sent to PostgreSQL so far, including BEGIN and COMMIT.
    pub(crate) fn statements(&self) -> u64 {
        let families = self.metrics.store_operation_duration.collect();
        let metrics = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric);
        let of_postgres = metrics.filter(|metric| metric.get_label().iter().any(|label| label.value() == "postgres"));
        of_postgres
            .map(|metric| metric.get_histogram().get_sample_count())
            .sum()
    }

    pub(crate) async fn events(&self, event: &str) -> i64 {
        self.count("SELECT count(*) FROM audit_logs WHERE event = $1", event)
            .await
    }
}

pub(crate) fn issuer(settings: &Settings, postgres: &Postgres, keys: &Arc<Keys>) -> Issuer {
    let settings = issuer::Settings {
        issuer: settings.issuer.clone(),
        secrets: settings.secrets.clone(),
        algorithm: settings.signing.algorithm,
        rotate_every: settings.signing.rotate_every,
        longest_life: settings.access_token.longest_life(),
    };
    Issuer::new(settings, postgres.clone(), Arc::clone(keys), Arc::new(Metrics::new()))
}

pub(crate) fn of(user: &User, pair: &Pair) -> SessionOf {
    SessionOf {
        user_id: user.id,
        session_id: pair.session_id,
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        base_path: "/auth".into(),
        issuer: "https://gw.test".into(),
        audience: vec!["app".into()],
        secrets: Secrets::new(&Key32::new([7; 32]), []).expect("one secret has one id"),
        access_token: AccessToken::default(),
        refresh_token: RefreshToken::default(),
        sessions: Sessions::default(),
        audit_refreshes: AuditRefreshes::All,
        signing: Signing {
            algorithm: Algorithm::Es256,
            rotate_every: None,
        },
        registration: Registration::default(),
        email: Email::default(),
        password_reset: PasswordReset::default(),
        password: Password {
            cost: 4,
            ..Password::default()
        },
        lockout: Lockout::default(),
        change_password_url: None,
        clients: Vec::new(),
        login_limit: LoginLimit::default(),
        mfa: Mfa {
            issuer: "gw.test".into(),
        },
        limits: Limits::default(),
        mail: Some(mail()),
    }
}

/// Settings with which messages are queued and not sent.
pub(crate) fn mail() -> Mail {
    let link = |page: &str| Link(format!("https://gw.test/{page}?token={{token}}"));
    Mail {
        from: mailbox("Sidegate <no-reply@gw.test>").unwrap(),
        reply_to: None,
        transport: Transport::Log,
        product: "Sidegate".into(),
        home: Some("https://gw.test".into()),
        links: Links {
            reset: link("reset-password"),
            invitation: link("accept-invitation"),
        },
        retry: Retry::default(),
        templates: Arc::new(Templates::shipped()),
    }
}

async fn redis(metrics: &Arc<Metrics>) -> Redis {
    let reserved = support::Redis::reserve().await;
    let settings = sidegate::store::redis::Settings {
        url: Secret::new(reserved.url()),
        namespace: reserved.namespace(),
        timeout: Duration::from_secs(2),
    };
    Redis::connect(&settings, metrics).unwrap()
}

/// The name of an error, or of the failed re-authentication that it hands on.
pub(super) fn reason(error: &dyn std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let handed_on = text
        .strip_prefix("Reauthentication(")
        .and_then(|text| text.strip_suffix(')'));
    handed_on.map_or_else(|| text.clone(), str::to_owned)
}
