//! Encrypts the values in the database with the current secret, so that a previous one can be removed from the
//! configuration.
//!
//! Safe while instances run, and can be repeated: a value is replaced only if it is still what was read, locked rows
//! are left for the next round, and every instance decrypts with both secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::key_use::KeyUse;
use super::secrets::{KeyId, OpenError, Secrets};
use crate::store::audit::{self, Event, Outcome};
use crate::store::sealed::{self, SealedColumn, SealedValue};
use crate::store::{Postgres, StoreError, id};

/// The number of values per statement: few enough that no statement locks its rows for long.
const BATCH: i64 = 200;
/// The number of further rounds for locked rows, and the pause before each.
const ROUNDS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Why resealing stopped.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// PostgreSQL failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another instance runs the command.
    #[error("another `sidegate secrets reseal` is running on this database")]
    Busy,
}

/// The result for one column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// The number of values.
    pub values: u64,
    /// The number of values that were moved.
    pub moved: u64,
    /// The number of values that were locked or changed in every round.
    pub left: u64,
    /// The number of values of a secret that is not configured.
    pub unknown: BTreeMap<KeyId, u64>,
    /// The number of values that cannot be decrypted for another reason.
    pub damaged: u64,
}

impl Resealed {
    /// Whether every value is of the current secret now.
    pub fn is_complete(&self) -> bool {
        self.left == 0 && self.unknown.is_empty() && self.damaged == 0
    }
}

/// Moves one column. `progress` is called after each batch.
///
/// # Errors
/// See [`ResealError`]. Values that were moved until then stay moved.
pub async fn column(
    postgres: &Postgres,
    secrets: &Secrets,
    column: SealedColumn,
    mut progress: impl FnMut(&Resealed),
) -> Result<Resealed, ResealError> {
    let mut moved = 0;
    for round in 1.. {
        let mut so_far = Resealed {
            moved,
            ..Resealed::default()
        };
        let mut after = column.start();
        loop {
            let page = sealed::page(postgres, column, &after, BATCH).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            move_page(postgres, secrets, column, &page, &mut so_far).await?;
            progress(&so_far);
        }
        if so_far.left == 0 || round == ROUNDS {
            return Ok(so_far);
        }
        moved = so_far.moved;
        tokio::time::sleep(PAUSE).await;
    }
    unreachable!("the last round returns")
}

async fn move_page(
    postgres: &Postgres,
    secrets: &Secrets,
    column: SealedColumn,
    page: &[SealedValue],
    so_far: &mut Resealed,
) -> Result<(), ResealError> {
    let key_use = key_use(column);
    let (mut stored, mut fresh) = (Vec::new(), Vec::new());
    for value in page {
        so_far.values += 1;
        match secrets.open(key_use, &value.context, &value.sealed) {
            Ok(_) if secrets.is_current(&value.sealed) => {}
            Ok(plain) => {
                let plain = zeroize::Zeroizing::new(plain);
                fresh.push(secrets.seal(key_use, &value.context, &plain));
                stored.push(value.clone());
            }
            Err(OpenError::UnknownKey(id)) => *so_far.unknown.entry(id).or_default() += 1,
            Err(OpenError::Damaged) => so_far.damaged += 1,
        }
    }
    if stored.is_empty() {
        return Ok(());
    }
    let tx = postgres.transaction("reseal").await?;
    if !sealed::try_lock(&tx).await? {
        tx.rollback().await?;
        return Err(ResealError::Busy);
    }
    let moved = sealed::replace(&tx, column, &stored, &fresh).await?;
    tx.commit().await?;
    so_far.moved += moved;
    so_far.left += stored.len() as u64 - moved;
    Ok(())
}

/// Records that everything is under the current secret, the first time that it is, and returns when that was.
///
/// # Errors
/// When PostgreSQL is unreachable.
pub async fn record(
    postgres: &Postgres,
    current: KeyId,
    moved: u64,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, StoreError> {
    let first = sealed::first_resealed_at(postgres, &current.to_string()).await?;
    if moved == 0
        && let Some(first) = first
    {
        return Ok(first);
    }
    let data = [
        ("key_id".to_owned(), Value::from(current.to_string())),
        ("moved".to_owned(), Value::from(moved)),
    ];
    let entry = audit::Entry {
        id: id::new(now),
        at: now,
        event: Event::SecretsResealed,
        outcome: Outcome::Success,
        actor_id: None,
        user_id: None,
        session_id: None,
        address: None,
        user_agent: None,
        request_id: None,
        data: Map::from_iter(data),
    };
    audit::insert(postgres, &entry).await?;
    Ok(first.unwrap_or(now))
}

const fn key_use(column: SealedColumn) -> KeyUse {
    match column {
        SealedColumn::SigningKeys => KeyUse::SigningKey,
        SealedColumn::TotpFactors => KeyUse::TotpSecret,
        SealedColumn::RecoveryCodes => KeyUse::RecoveryCode,
        SealedColumn::MailQueue => KeyUse::Mail,
    }
}
