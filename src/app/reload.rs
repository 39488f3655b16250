//! Reloads the configuration while serving: the whole snapshot is replaced, or nothing.

use std::{path::PathBuf, sync::Arc};

use data_encoding::HEXLOWER;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::Shared;
use crate::{
    accounts,
    admin::ReloadRequest,
    clock,
    config::{self, Loaded},
    gate::rules::issuer::KeySource,
    keys::{VerifyingKey, remote::Source},
    proxy::snapshot::Snapshot,
    store::postgres::Postgres,
};

/// What a reload needs.
pub(super) struct Reloader {
    pub(super) shared: Arc<Shared>,
    /// The file; `None` if the configuration cannot be reloaded.
    pub(super) source: Option<PathBuf>,
    /// Where an issuer records reloads.
    pub(super) postgres: Option<Postgres>,
}

/// Reloads on SIGHUP and on request, until the runtime ends.
pub(super) async fn run(reloader: Reloader, mut requests: mpsc::Receiver<ReloadRequest>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be caught: reload with POST /-/reload");
        return;
    };
    loop {
        tokio::select! {
            _ = hangup.recv() => drop(reloader.reload().await),
            Some(reply) = requests.recv() => {
                // The client that asked may be gone.
                let _ = reply.send(reloader.reload().await);
            }
        }
    }
}

impl Reloader {
    async fn reload(&self) -> Result<String, String> {
        let outcome = match &self.source {
            Some(path) => config::load(path).map_err(|errors| errors.to_string()),
            None => Err("this instance was not started from a file".to_owned()),
        };
        let outcome = match outcome {
            Ok(loaded) => take(&self.shared, loaded).await,
            Err(errors) => Err(errors),
        };
        let metrics = &self.shared.metrics;
        metrics.config_last_reload_successful.set(outcome.is_ok().into());
        metrics
            .config_reloads
            .with_label_values(&[if outcome.is_ok() { "success" } else { "error" }])
            .inc();
        match &outcome {
            Ok(done) => {
                tracing::info!("{done}");
                self.record().await;
            }
            Err(errors) => tracing::error!("the configuration was not reloaded, the old one stays in force: {errors}"),
        }
        outcome
    }

    /// Writes the audit entry. The new configuration is in force also without it: an outage of PostgreSQL must not keep
    /// an operator from changing a route.
    async fn record(&self) {
        let Some(postgres) = &self.postgres else { return };
        let sha256 = HEXLOWER.encode(&self.shared.snapshot.load().rules.sha256);
        let recorded = accounts::record_reload(postgres, &self.shared.metrics, &sha256, clock::now()).await;
        if let Err(error) = recorded {
            tracing::warn!(%error, "the reload is missing in the audit log");
        }
    }
}

async fn take(shared: &Shared, loaded: Loaded) -> Result<String, String> {
    let restart = shared.boot.differences(&loaded.boot);
    // The snapshot has the requirements for our own tokens, and the running signer makes them. Replacing one without
    // the other would refuse every new token.
    if restart.iter().any(|key| key.starts_with("auth")) {
        return Err(format!(
            "these keys need a restart to change, so nothing was reloaded: {}",
            restart.join(", ")
        ));
    }
    // Names are resolved before the swap: the first request to a new upstream must not fail for a missing address.
    shared.upstreams.adopt(&loaded.snapshot).await;
    shared.refreshers.adopt(remote_sources(&loaded.snapshot)).await;
    install(shared, &loaded.snapshot);
    let snapshot = Arc::new(loaded.snapshot);
    shared.snapshot.store(Arc::clone(&snapshot));
    shared.keys.retain(|issuer| snapshot.rules.issuers.contains_key(issuer));
    if restart.is_empty() {
        Ok("the configuration was reloaded".to_owned())
    } else {
        Ok(format!(
            "the configuration was reloaded; these keys need a restart to change: {}",
            restart.join(", ")
        ))
    }
}

/// The issuers whose keys are fetched from a URL.
pub(super) fn remote_sources(snapshot: &Snapshot) -> Vec<Source> {
    let rules = snapshot.rules.issuers.values();
    let sources = rules.filter_map(|rules| match &rules.keys {
        KeySource::Url { url, stale_ok_for } => Some(Source {
            issuer: Arc::clone(&rules.issuer),
            url: url.clone(),
            algorithms: rules.algorithms.clone(),
            stale_ok_for: *stale_ok_for,
        }),
        KeySource::Own | KeySource::Inline(_) | KeySource::Secret(_) => None,
    });
    sources.collect()
}

/// Installs what is in the configuration but not in the snapshot: inline keys and secrets, and the gauges of the
/// configuration.
pub(super) fn install(shared: &Shared, snapshot: &Snapshot) {
    for rules in snapshot.rules.issuers.values() {
        // `config` has checked each of them; one that fails here is skipped.
        let keys: Vec<_> = match &rules.keys {
            KeySource::Own | KeySource::Url { .. } => continue,
            KeySource::Inline(jwks) => {
                let listed = jwks["keys"].as_array().into_iter().flatten();
                listed.filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok()).collect()
            }
            KeySource::Secret(secret) => VerifyingKey::from_secret(secret).into_iter().collect(),
        };
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        shared.keys.replace(&rules.issuer, &keys);
    }
    let metrics = &shared.metrics;
    let digest = HEXLOWER.encode(&snapshot.rules.sha256);
    metrics.config_info.reset();
    metrics.config_info.with_label_values(&[&digest]).set(1);
    metrics.config_last_reload_successful.set(1);
    #[expect(clippy::cast_precision_loss, reason = "a timestamp fits")]
    metrics
        .config_last_reload_success
        .set(clock::now().unix_timestamp() as f64);
    let mode = if shared.boot.auth.is_some() {
        "issuer"
    } else {
        "verifier"
    };
    metrics
        .build_info
        .with_label_values(&[env!("CARGO_PKG_VERSION"), mode])
        .set(1);
}
