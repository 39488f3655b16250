//! Writes down who was active: what requests left in the queue, once every two seconds, each session once.

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

/// Between two writes.
const EVERY: Duration = Duration::from_secs(2);
/// A batch that is as large is written at once.
const LARGE: usize = 4096;
/// PostgreSQL learns of a session at each refresh, so that this matters only between two of them.
const SEEN_FOR: Duration = Duration::from_secs(86_400);

/// Empties the queue until the runtime ends.
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
        // Said once per outage. What is lost is told by the next request of the same session.
        if let (Err(error), false) = (&outcome, away) {
            tracing::warn!(%error, "who is active is not written down");
        }
        away = outcome.is_err();
    }
}

async fn write(shared: &Shared, mut signs: Vec<Sign>) -> Result<(), StoreError> {
    // A session that ended after its last request would come back to life in the lists.
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
