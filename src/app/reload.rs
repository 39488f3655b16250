//! A new configuration while serving: the whole snapshot or nothing.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::Shared;
use crate::{
    admin::ReloadRequest,
    clock,
    config::{self, Loaded},
    gate::rules::issuer::KeySource,
    keys::{VerifyingKey, remote::Source},
    proxy::snapshot::Snapshot,
};

/// Reloads on SIGHUP and on request, until the runtime ends.
pub(super) async fn run(shared: Arc<Shared>, source: Option<PathBuf>, mut requests: mpsc::Receiver<ReloadRequest>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be listened for: no reload by signal");
        return;
    };
    loop {
        tokio::select! {
            _ = hangup.recv() => drop(reload(&shared, source.as_ref()).await),
            Some(reply) = requests.recv() => {
                // Whoever asked may have gone.
                let _ = reply.send(reload(&shared, source.as_ref()).await);
            }
        }
    }
}

async fn reload(shared: &Shared, source: Option<&PathBuf>) -> Result<String, String> {
    let outcome = match source {
        Some(path) => config::load(path).map_err(|errors| errors.to_string()),
        None => Err("this instance was not started from a file".to_owned()),
    };
    let outcome = match outcome {
        Ok(loaded) => take(shared, loaded).await,
        Err(errors) => Err(errors),
    };
    let metrics = &shared.metrics;
    metrics.config_last_reload_successful.set(outcome.is_ok().into());
    metrics
        .config_reloads
        .with_label_values(&[if outcome.is_ok() { "success" } else { "error" }])
        .inc();
    match &outcome {
        Ok(done) => tracing::info!("{done}"),
        Err(errors) => tracing::error!("the configuration was not reloaded, the old one stays in force: {errors}"),
    }
    outcome
}

async fn take(shared: &Shared, loaded: Loaded) -> Result<String, String> {
    let restart = shared.boot.differences(&loaded.boot);
    // The snapshot says what is demanded of our own tokens, the running signer what is put into them. Swapping one without
    // the other would refuse every token it still makes.
    if restart.iter().any(|key| key.starts_with("auth")) {
        return Err(format!(
            "these keys need a restart to change, so nothing was reloaded: {}",
            restart.join(", ")
        ));
    }
    // Names are resolved before the swap: the first request to a new upstream must not meet an unknown address.
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

/// The issuers whose keys are behind a URL.
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

/// What stands in the configuration beside the snapshot: inline keys and secrets, and the gauges that name it.
pub(super) fn install(shared: &Shared, snapshot: &Snapshot) {
    for rules in snapshot.rules.issuers.values() {
        // `config` has read each of them before; one that fails here would only be a key less.
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
    let digest = hex(&snapshot.rules.sha256);
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

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes any text");
            text
        })
}
