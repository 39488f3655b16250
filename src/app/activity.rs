//! Writes activity events from the queue to the stores: every two seconds, at most one per session.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::Shared;
use crate::{
    clock,
    gate::revocation::{Fingerprints, Ids, Standing},
    store::{
        StoreError, presence,
        sessions_seen::{self, Sign},
    },
};

/// The interval between two writes.
const EVERY: Duration = Duration::from_secs(2);
/// The number of events that are written at once, without waiting for the interval.
const LARGE: usize = 4096;
/// The interval between two last-seen updates of a session in PostgreSQL. A refresh updates it too, so this matters
/// only between two refreshes.
const SEEN_FOR: Duration = Duration::from_secs(86_400);

/// Writes events until the runtime ends.
pub(super) async fn write_down(shared: Arc<Shared>, mut signs: mpsc::Receiver<Sign>) {
    let mut batch: HashMap<Uuid, Sign> = HashMap::new();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        tokio::select! {
            sign = signs.recv() => {
                let Some(sign) = sign else { return };
                batch.insert(sign.session, sign);
                if batch.len() < LARGE {
                    continue;
                }
            }
            _ = tick.tick() => {}
        }
        if batch.is_empty() {
            continue;
        }
        let signs = std::mem::take(&mut batch).into_values().collect::<Vec<_>>();
        let outcome = write(&shared, signs).await;
        // Logged once per outage. A lost event is replaced by that of the session's next request.
        if let (Err(error), false) = (&outcome, away) {
            tracing::warn!(%error, "activity events are not written");
        }
        away = outcome.is_err();
    }
}

async fn write(shared: &Shared, mut signs: Vec<Sign>) -> Result<(), StoreError> {
    // Otherwise a session that ended after its last request would appear in the lists again.
    signs.retain(|sign| {
        let session = sign.session.to_string();
        let session = Fingerprints::of(&Ids {
            session: Some(&session),
            ..Ids::default()
        });
        shared.view.standing(&session) == Standing::Live
    });
    let users = signs.iter().map(|sign| (sign.user, sign.seen.at)).collect::<Vec<_>>();
    sessions_seen::touch_all(&shared.redis, &signs, SEEN_FOR).await?;
    presence::note(&shared.redis, &users, clock::now()).await
}
