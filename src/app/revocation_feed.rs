//! Keeps the view of revocations: reads the whole feed once, then what is added.
//!
//! The bound of a logout hangs on this loop. It says how far it got by `View::synced`; while it cannot, the view grows
//! older, and each route's `on_stale` decides.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use super::{
    Shared,
    accounts::{IssuerServices, keep},
};
use crate::{
    accounts::Settings,
    clock,
    gate::revocation::Kind,
    store::{
        StoreError, audit, revocations,
        revocations::{Content, End, Entry, Revocation, Subject},
        sessions,
    },
};

/// How long one read waits for news. Each return, with or without news, proves the view complete.
const BLOCK: Duration = Duration::from_millis(500);
/// Between two tries while Redis is away.
const AGAIN: Duration = Duration::from_millis(200);
/// Between two heartbeats of an issuer.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Between two looks at a feed that is not complete.
const INCOMPLETE: Duration = Duration::from_millis(50);
/// A feed without any entry for so long may have been replaced by one whose ids begin lower: read it anew.
const SILENT: Duration = Duration::from_secs(30);

/// Follows the feed until the runtime ends.
pub(super) async fn follow(shared: Arc<Shared>) {
    let connected = &shared.metrics.revocation_stream_connected;
    loop {
        if let Err(error) = read(&shared).await {
            connected.set(0);
            tracing::warn!(%error, "the revocation feed cannot be read; the view grows older");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn read(shared: &Shared) -> Result<(), StoreError> {
    let asked = clock::now();
    let end = revocations::end(&shared.redis).await?;
    let entries = revocations::read_all(&shared.redis).await?;
    let mut last = entries.last().map_or_else(|| "0".to_owned(), |entry| entry.id.clone());
    for entry in &entries {
        apply(shared, entry);
    }
    // A verifier of other issuers has no feed at all, and nobody who would make one.
    let unheard_of = shared.boot.auth.is_none() && end == End::default() && entries.is_empty();
    if !end.complete && !unheard_of {
        tracing::debug!("the revocation feed is being filled");
        tokio::time::sleep(INCOMPLETE).await;
        return Ok(());
    }
    synced(shared, asked);
    shared.metrics.revocation_stream_connected.set(1);
    let mut heard = asked;
    while clock::now() - heard < SILENT {
        let asked = clock::now();
        let entries = revocations::tail(&shared.redis, &last, BLOCK).await?;
        for entry in &entries {
            apply(shared, entry);
            let lag = (clock::now() - entry.at).as_seconds_f64().max(0.0);
            shared.metrics.revocation_lag.observe(lag);
        }
        if let Some(entry) = entries.last() {
            last.clone_from(&entry.id);
            heard = clock::now();
        } else {
            // Silence may be that of another feed, whose entries come before `last`, or of a server that hears nothing.
            let end = revocations::end(&shared.redis).await?;
            let gone = !end.complete && !unheard_of;
            if gone || end.last.is_some_and(|id| revocations::is_before(&id, &last)) {
                return Ok(());
            }
        }
        synced(shared, asked);
    }
    Ok(())
}

fn synced(shared: &Shared, at: OffsetDateTime) {
    shared.view.synced(at);
    #[expect(clippy::cast_precision_loss, reason = "a timestamp fits")]
    shared.metrics.revocation_last_sync.set(at.unix_timestamp() as f64);
    shared
        .metrics
        .revocation_entries
        .set(i64::try_from(shared.view.len()).unwrap_or(i64::MAX));
}

fn apply(shared: &Shared, entry: &Entry) {
    let Content::Revoked(Revocation { subject, expires_at }) = &entry.content else {
        if entry.content == Content::Unknown {
            tracing::warn!(
                id = entry.id,
                "an entry of the revocation feed cannot be read; is this instance too old?"
            );
        }
        return;
    };
    match subject {
        Subject::Jti(id) => shared.view.revoke(Kind::Jti, id, None, *expires_at),
        Subject::Sid(id) => shared.view.revoke(Kind::Sid, id, None, *expires_at),
        Subject::User { id, valid_after } => shared.view.revoke(Kind::User, id, Some(*valid_after), *expires_at),
    }
}

/// An issuer's part: heartbeats, and the feed filled anew from PostgreSQL when Redis has lost it (FLUSHALL, a new server). Also once
/// at the start: a process that was killed between the commit of a revocation and its publication told nobody, and an access token
/// would outlive the session that was ended.
pub(super) async fn tend(shared: Arc<Shared>, services: Arc<IssuerServices>) {
    let keep = keep(&services.accounts.settings);
    let mut caught_up = false;
    loop {
        let outcome = match revocations::heartbeat(&shared.redis, keep, clock::now()).await {
            Ok(true) if caught_up => Ok(()),
            Ok(_) => {
                let filled = rebuild(&shared, &services, keep).await;
                caught_up |= filled.is_ok();
                filled
            }
            Err(error) => Err(error),
        };
        let result = if outcome.is_ok() { "success" } else { "error" };
        shared
            .metrics
            .job_runs
            .with_label_values(&["revocation_feed", result])
            .inc();
        if let Err(error) = outcome {
            tracing::warn!(%error, "the revocation feed has no heartbeat");
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

async fn rebuild(shared: &Shared, services: &IssuerServices, keep: Duration) -> Result<(), StoreError> {
    let now = clock::now();
    let entries = live(services, &services.accounts.settings, now).await?;
    for page in entries.chunks(500) {
        revocations::publish(&shared.redis, page, keep, now).await?;
    }
    revocations::open(&shared.redis, keep, now).await?;
    tracing::info!(
        entries = entries.len(),
        "the revocation feed was filled from PostgreSQL"
    );
    Ok(())
}

/// Every revocation that a live token could still be caught by.
async fn live(
    services: &IssuerServices,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<Vec<Revocation>, StoreError> {
    let life = settings.access_token.longest_life() + Duration::from_secs(60);
    let since = now - life;
    let ended = sessions::list_ended(&services.postgres, since).await?;
    let ended = ended.into_iter().map(|session| Revocation {
        subject: Subject::Sid(session.session_id.to_string()),
        expires_at: session.ended_at + life,
    });
    let single = audit::list_revoked_tokens(&services.postgres, since).await?;
    let single = single.into_iter().map(|(id, at)| Revocation {
        subject: Subject::Jti(id),
        expires_at: at + life,
    });
    Ok(ended.chain(single).collect())
}
