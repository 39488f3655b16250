//! Joins the accounts' services with the stores they need.

use std::{sync::Arc, time::Duration};

use super::{AppError, Shared};
use crate::{
    accounts::{Accounts, Apply, Ended, Hasher, Limiter, Publish, Revocation, Revoker, Settings, Taken},
    clock,
    gate::revocation::{Kind, View},
    keys::issuer::{self, Issuer},
    store::{postgres::Postgres, rate_limits, redis::Redis, revocations},
};

/// The services of the `/auth` API.
///
/// # Errors
/// When the system refuses the threads that hash passwords.
pub(crate) fn accounts(shared: &Shared, settings: &Settings, postgres: &Postgres) -> Result<Accounts, AppError> {
    let keep = keep(settings);
    Ok(Accounts {
        settings: Arc::new(settings.clone()),
        postgres: postgres.clone(),
        keys: Arc::clone(&shared.keys),
        hasher: Hasher::start(&settings.password, Arc::clone(&shared.metrics))?,
        revoker: Arc::new(Revoker::new(apply(&shared.view), publish(&shared.redis, keep))),
        limiter: limiter(&shared.redis),
        metrics: Arc::clone(&shared.metrics),
    })
}

/// What keeps the signing keys.
pub(crate) fn issuer(shared: &Shared, settings: &Settings, postgres: &Postgres) -> Issuer {
    let settings = issuer::Settings {
        issuer: settings.issuer.clone(),
        secret: settings.secret.clone(),
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

/// How long the feed keeps an entry: longer than any access token lives.
pub(super) fn keep(settings: &Settings) -> Duration {
    settings.access_token.longest_life() + Duration::from_secs(120)
}

/// What a revocation means for the view of this instance, before the answer is sent.
fn apply(view: &Arc<View>) -> Apply {
    let view = Arc::clone(view);
    Arc::new(move |revocation: &Revocation| match revocation.ended {
        Ended::Session(id) => view.revoke(Kind::Sid, &id.to_string(), None, revocation.expires_at),
        Ended::User { id, until } | Ended::Outdated { id, until } => {
            view.revoke(Kind::User, &id.to_string(), Some(until), revocation.expires_at);
        }
    })
}

fn publish(redis: &Redis, keep: Duration) -> Publish {
    let redis = redis.clone();
    Arc::new(move |revocation: Revocation| {
        let redis = redis.clone();
        Box::pin(async move {
            let subject = match revocation.ended {
                Ended::Session(id) => revocations::Subject::Sid(id.to_string()),
                Ended::User { id, until } | Ended::Outdated { id, until } => revocations::Subject::User {
                    id: id.to_string(),
                    valid_after: until,
                },
            };
            let entry = revocations::Revocation {
                subject,
                expires_at: revocation.expires_at,
            };
            revocations::publish(&redis, &[entry], keep, clock::now()).await
        })
    })
}

fn limiter(redis: &Redis) -> Limiter {
    let redis = redis.clone();
    Limiter::new(Arc::new(move |policy, key, limit, window| {
        let redis = redis.clone();
        Box::pin(async move {
            let taken = rate_limits::take(&redis, policy, &key, limit.into(), window, 1).await?;
            Ok(Taken {
                allowed: taken.allowed,
                retry_after: taken.retry_after,
            })
        })
    }))
}
