//! Background work: gauges, cleanup, and readiness.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use super::accounts::IssuerServices;
use super::{
    Shared, accounts,
    revocations::{follow, outbox::Follower, publisher::Publisher},
};
use crate::{
    accounts::Accounts,
    clock,
    config::Feed,
    gate::Gate,
    store::{
        StoreError,
        cleanup::{self, Before, Responses},
        sessions,
    },
};

/// The callback for `on_ready`. Its argument is the accounts services; `None` on a verifier.
pub type OnReady = Box<dyn FnOnce(Option<Arc<Accounts>>) -> BoxFuture<'static, ()> + Send>;

/// The interval of sampled gauges.
const SAMPLE: Duration = Duration::from_secs(5);
/// How long readiness waits for the revocation feed to be read for the first time.
const FIRST_SYNC: Duration = Duration::from_secs(2);
/// The interval between two counts of the active sessions.
const COUNT: Duration = Duration::from_secs(60);
/// The interval at which expired tokens are removed from the cache.
const FORGET: Duration = Duration::from_secs(60);
/// The interval between two cleanups.
const CLEANUP: Duration = Duration::from_secs(3600);

/// Starts the work of every instance.
pub(super) fn spawn(io: &Runtime, shared: &Arc<Shared>, gate: &Arc<Gate>) {
    if shared.boot.revocation_feed == Feed::Redis {
        io.spawn(follow::follow(shared.revocation_parts(), shared.ledger.clone()));
    }
    io.spawn(Arc::clone(&shared.upstreams).watch());
    io.spawn(listening(Arc::clone(shared)));
    let forgetful = Arc::clone(gate);
    io.spawn(every(FORGET, move |now| {
        forgetful.verifier.forget_expired(now);
        std::future::ready(())
    }));
    let (shared, gate) = (Arc::clone(shared), Arc::clone(gate));
    io.spawn(every(SAMPLE, move |now| {
        let (shared, gate) = (Arc::clone(&shared), Arc::clone(&gate));
        async move {
            shared.view.forget_expired(now);
            shared.revocation_parts().measure();
            let entries = i64::try_from(gate.verifier.entries()).unwrap_or(i64::MAX);
            shared.metrics.cache_entries.with_label_values(&["token"]).set(entries);
            let up = shared.redis.ping().await.is_ok();
            shared.metrics.store_up.with_label_values(&["redis"]).set(up.into());
        }
    }));
}

/// Starts the work of issuers.
pub(super) fn spawn_issuer(shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    spawn_revocations(shared, services);
    let (sampled, counted) = (Arc::clone(shared), Arc::clone(services));
    tokio::spawn(every(SAMPLE, move |_| {
        let (shared, services) = (Arc::clone(&sampled), Arc::clone(&counted));
        async move {
            services.postgres.record_pool();
            let up = services.postgres.ping().await.is_ok();
            shared.metrics.store_up.with_label_values(&["postgres"]).set(up.into());
            // An outage is reported by the other metrics.
            let _ = services.mail.count().await;
        }
    }));
    let mail = Arc::clone(&services.mail);
    tokio::spawn(async move { mail.run(clock::now).await });
    let (counted, postgres) = (Arc::clone(shared), services.postgres.clone());
    tokio::spawn(every(COUNT, move |_| {
        let (shared, postgres) = (Arc::clone(&counted), postgres.clone());
        async move {
            match sessions::count(&postgres.reader()).await {
                Ok(open) => shared.metrics.sessions_active.set(open),
                Err(error) => tracing::debug!(%error, "the active sessions were not counted"),
            }
        }
    }));
    let (shared, services) = (Arc::clone(shared), Arc::clone(services));
    tokio::spawn(every(CLEANUP, move |now| {
        clean(Arc::clone(&shared), Arc::clone(&services), now)
    }));
}

/// The revocation loops of an issuer: its own view from PostgreSQL, and the feed for all others.
fn spawn_revocations(shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    let Some(ledger) = &shared.ledger else { return };
    let (parts, settings) = (shared.revocation_parts(), &services.accounts.settings);
    let outbox = Arc::new(Follower::new(&parts, ledger, &services.postgres, &settings.issuer));
    let publisher = Arc::new(Publisher::new(&parts, ledger, &outbox, accounts::keep(settings)));
    tokio::spawn(async move { outbox.run().await });
    let publisher = Arc::clone(shared.publisher.get_or_init(|| publisher));
    tokio::spawn(async move { publisher.run().await });
}

async fn clean(shared: Arc<Shared>, services: Arc<IssuerServices>, now: OffsetDateTime) {
    let Some(retention) = shared.boot.retention else { return };
    let settings = &services.accounts.settings.refresh_token;
    let responses = Responses {
        issued_before: now - settings.reuse_grace,
        ttl: settings.ttl,
        within: 2 * CLEANUP,
    };
    let run = async || {
        let removed = cleanup::run(&services.postgres, Before::at(now, retention.tokens, retention.audit)).await?;
        let forgotten = cleanup::forget_responses(&services.postgres, responses).await?;
        Ok::<_, StoreError>(removed.map(|removed| (removed, forgotten)))
    };
    let result = match run().await {
        Ok(Some((removed, responses))) => {
            tracing::info!(?removed, responses, "expired rows were removed");
            let done = shared.metrics.job_last_success.with_label_values(&["cleanup"]);
            #[expect(clippy::cast_precision_loss, reason = "a timestamp fits")]
            done.set(now.unix_timestamp() as f64);
            "success"
        }
        Ok(None) => "skipped",
        Err(error) => {
            tracing::warn!(%error, "expired rows could not be removed");
            "error"
        }
    };
    shared.metrics.job_runs.with_label_values(&["cleanup", result]).inc();
}

/// Reports readiness once the proxy accepts connections: a probe must not direct traffic to a closed port.
async fn listening(shared: Arc<Shared>) {
    while tokio::net::TcpStream::connect(shared.boot.listen).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Before the feed is read, routes with `on_stale: check` or `deny` would refuse. Without Redis the other routes can
    // be served.
    let begun = Instant::now();
    while shared.view.age(Instant::now()) > shared.snapshot.load().rules.max_lag && begun.elapsed() < FIRST_SYNC {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shared.readiness.listening();
}

/// Calls `on_ready` when the instance is ready.
pub(super) async fn announce(shared: Arc<Shared>, services: Option<Arc<Accounts>>, on_ready: OnReady) {
    while !shared.readiness.is_ready(&shared.keys) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    on_ready(services).await;
}

async fn every<F: Future<Output = ()>>(period: Duration, mut work: impl FnMut(OffsetDateTime) -> F) {
    loop {
        work(clock::now()).await;
        tokio::time::sleep(period).await;
    }
}
