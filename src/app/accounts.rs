//! Connects the accounts services with the stores they need.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{AppError, Shared};
use crate::{
    accounts::{Accounts, Hasher, Limiter, Parts, Revoker, Settings},
    keys::issuer::{self, Issuer},
    mail,
    store::{
        StoreError,
        postgres::{OnUserChanged, Postgres},
        revocations::{self, BATCH, Recorded},
        user_cache,
    },
};

/// The services of an issuer, in addition to the proxy.
pub(crate) struct IssuerServices {
    /// The services of the `/auth` API and of the command line.
    pub(crate) accounts: Arc<Accounts>,
    /// The database, for background work.
    pub(crate) postgres: Postgres,
    /// Publishes revocations.
    pub(crate) revoker: Arc<Revoker>,
    /// Sends email.
    pub(crate) mail: Arc<mail::Worker>,
}

/// Builds the services of an issuer.
///
/// # Errors
/// When the operating system refuses the threads that hash passwords.
pub(crate) fn services(
    shared: &Shared,
    settings: &Settings,
    postgres: &Postgres,
) -> Result<Arc<IssuerServices>, AppError> {
    postgres.on_user_changed(drop_copies(shared));
    let revoker = Arc::new(revoker(shared, keep(settings)));
    let accounts = Arc::new(Accounts::new(&Parts {
        settings: Arc::new(settings.clone()),
        postgres: postgres.clone(),
        redis: shared.redis.clone(),
        keys: Arc::clone(&shared.keys),
        hasher: Arc::new(Hasher::start(&settings.password, Arc::clone(&shared.metrics))?),
        revoker: Arc::clone(&revoker),
        limiter: Arc::new(Limiter::in_redis(shared.redis.clone())),
        metrics: Arc::clone(&shared.metrics),
    }));
    let mail = Arc::new(mail::Worker {
        queue: Arc::clone(&accounts.mail),
        postgres: postgres.clone(),
        metrics: Arc::clone(&shared.metrics),
    });
    Ok(Arc::new(IssuerServices {
        accounts,
        postgres: postgres.clone(),
        revoker,
        mail,
    }))
}

/// Drops the cached copies of changed accounts, for all instances, before the response to the change.
fn drop_copies(shared: &Shared) -> OnUserChanged {
    let redis = shared.redis.clone();
    Arc::new(move |users| {
        let redis = redis.clone();
        Box::pin(async move {
            if let Err(error) = user_cache::drop_copies(&redis, &users).await {
                tracing::debug!(%error, "cached copies of accounts may be outdated for a minute");
            }
        })
    })
}

/// Builds the store of the signing keys.
pub(crate) fn issuer(shared: &Shared, settings: &Settings, postgres: &Postgres) -> Issuer {
    let settings = issuer::Settings {
        issuer: settings.issuer.clone(),
        secrets: settings.secrets.clone(),
        algorithm: settings.signing.algorithm,
        rotate_every: settings.signing.rotate_every,
        longest_life: settings.access_token.longest_life(),
    };
    Issuer::new(
        settings,
        postgres.clone(),
        Arc::clone(&shared.keys),
        Arc::clone(&shared.metrics),
    )
}

/// How long the feed keeps an entry: longer than the lifetime of any access token.
pub(super) fn keep(settings: &Settings) -> Duration {
    settings.access_token.longest_life() + Duration::from_secs(120)
}

/// Publishes committed revocations: before the response is sent they are in the view of this instance and in the feed
/// for all others. A command has no ledger: running issuers publish what it recorded.
fn revoker(shared: &Shared, keep: Duration) -> Revoker {
    let (view, ledger) = (Arc::clone(&shared.view), shared.ledger.clone());
    let apply = move |rows: &[Recorded]| {
        for row in rows {
            view.revoke(&row.revocation);
        }
        if let Some(ledger) = &ledger {
            ledger.committed(rows);
        }
    };
    let (redis, ledger) = (shared.redis.clone(), shared.ledger.clone());
    let publish = move |rows: Vec<Recorded>| -> BoxFuture<'static, Result<(), StoreError>> {
        let (redis, ledger) = (redis.clone(), ledger.clone());
        Box::pin(async move {
            for batch in rows.chunks(BATCH) {
                let entries = revocations::publish(&redis, batch, keep).await?;
                if let Some(ledger) = &ledger {
                    ledger.published(batch, &entries);
                }
            }
            Ok(())
        })
    };
    Revoker::new(Arc::new(apply), Arc::new(publish))
}
