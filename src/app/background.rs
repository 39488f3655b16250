//! Background work: gauges, cleanup, and readiness.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::runtime::{Handle, Runtime};

use super::accounts::IssuerServices;
use super::{
    Shared, accounts, descriptors, essential, memory,
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
/// The interval at which a lack of file descriptors is looked for.
const WATCH: Duration = Duration::from_secs(1);
/// The interval between two cleanups.
const CLEANUP: Duration = Duration::from_secs(3600);

/// Starts the work of every instance.
pub(super) fn spawn(io: &Runtime, shared: &Arc<Shared>, gate: &Arc<Gate>) {
    let handle = io.handle();
    if shared.boot.revocation_feed == Feed::Redis {
        let feed = follow::follow(shared.revocation_parts(), shared.ledger.clone());
        essential::spawn(handle, shared, "the revocation feed", feed);
    }
    essential::spawn(handle, shared, "the upstreams", Arc::clone(&shared.upstreams).watch());
    io.spawn(listening(Arc::clone(shared)));
    let forgetful = Arc::clone(gate);
    let sweep = every(FORGET, move |now| {
        let gate = Arc::clone(&forgetful);
        blocking(move || gate.verifier.forget_expired(now))
    });
    essential::spawn(handle, shared, "the cache of tokens", sweep);
    let (sampled, gate) = (Arc::clone(shared), Arc::clone(gate));
    let sample = every(SAMPLE, move |now| {
        let (shared, gate) = (Arc::clone(&sampled), Arc::clone(&gate));
        async move {
            let view = Arc::clone(&shared.view);
            blocking(move || view.forget_expired(clock::steady(now))).await;
            shared.revocation_parts().measure();
            let entries = i64::try_from(gate.verifier.entries()).unwrap_or(i64::MAX);
            shared.metrics.cache_entries.with_label_values(&["token"]).set(entries);
            let up = shared.redis.ping().await.is_ok();
            shared.metrics.store_up.with_label_values(&["redis"]).set(up.into());
            memory::give_back();
        }
    });
    essential::spawn(handle, shared, "the gauges", sample);
    let watched = Arc::clone(shared);
    let watch = every(WATCH, move |_| {
        descriptors::watch(&watched.metrics);
        std::future::ready(())
    });
    essential::spawn(handle, shared, "the file descriptors", watch);
}

/// Starts the work of issuers.
pub(super) fn spawn_issuer(shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    let handle = &Handle::current();
    spawn_revocations(handle, shared, services);
    let (sampled, counted) = (Arc::clone(shared), Arc::clone(services));
    let sample = every(SAMPLE, move |_| {
        let (shared, services) = (Arc::clone(&sampled), Arc::clone(&counted));
        async move {
            services.postgres.record_pool();
            let up = services.postgres.ping().await.is_ok();
            shared.metrics.store_up.with_label_values(&["postgres"]).set(up.into());
            // An outage is reported by the other metrics.
            let _ = services.mail.count().await;
        }
    });
    essential::spawn(handle, shared, "the gauges of PostgreSQL", sample);
    let mail = Arc::clone(&services.mail);
    essential::spawn(handle, shared, "email", async move { mail.run(clock::now).await });
    let (counted, postgres) = (Arc::clone(shared), services.postgres.clone());
    let count = every(COUNT, move |_| {
        let (shared, postgres) = (Arc::clone(&counted), postgres.clone());
        async move {
            match sessions::count(&postgres.reader()).await {
                Ok(open) => shared.metrics.sessions_active.set(open),
                Err(error) => tracing::debug!(%error, "the active sessions were not counted"),
            }
        }
    });
    essential::spawn(handle, shared, "the count of sessions", count);
    let (cleaned, services) = (Arc::clone(shared), Arc::clone(services));
    let cleanup = every(CLEANUP, move |now| {
        clean(Arc::clone(&cleaned), Arc::clone(&services), now)
    });
    essential::spawn(handle, shared, "the cleanup", cleanup);
}

/// The revocation loops of an issuer: its own view from PostgreSQL, and the feed for all others.
fn spawn_revocations(handle: &Handle, shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    let Some(ledger) = &shared.ledger else { return };
    let (parts, settings) = (shared.revocation_parts(), &services.accounts.settings);
    let outbox = Arc::new(Follower::new(&parts, ledger, &services.postgres, &settings.issuer));
    let publisher = Arc::new(Publisher::new(&parts, ledger, &outbox, accounts::keep(settings)));
    essential::spawn(handle, shared, "the outbox", async move { outbox.run().await });
    let publisher = Arc::clone(shared.publisher.get_or_init(|| publisher));
    essential::spawn(handle, shared, "the publisher", async move { publisher.run().await });
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

/// Runs work that takes milliseconds, such as a walk over a million entries, where no request waits behind it.
async fn blocking(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = tokio::task::spawn_blocking(work).await
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, mut work: impl FnMut(OffsetDateTime) -> F) {
    loop {
        work(clock::now()).await;
        tokio::time::sleep(period).await;
    }
}
