//! Imports accounts from another system, with their password hashes. Users keep their passwords, and the first sign-in
//! replaces the hash by one with the current parameters.

pub mod line;

use std::collections::HashSet;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::accounts::error::Failure;
use crate::metrics::Metrics;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;
use crate::store::user_import::{self, Holder};

pub use self::line::{Candidate, Refusal};

/// The result of a batch.
#[derive(Debug, Default)]
pub struct Imported {
    /// The number of accounts that were created.
    pub created: usize,
    /// The number of lines whose email address has an account already, from an earlier run or an earlier line.
    pub skipped: usize,
    /// Lines that cannot be imported.
    pub refused: Vec<Refusal>,
}

/// Imports accounts from another system.
pub struct Imports {
    pub(crate) postgres: Postgres,
    pub(crate) metrics: Arc<Metrics>,
}

impl Imports {
    /// Creates the accounts of a batch in one transaction, each with an audit entry. Existing accounts are not changed,
    /// so that an interrupted import can be started again. With `dry_run` the transaction is rolled back.
    ///
    /// # Errors
    /// When PostgreSQL is unreachable; then nothing of the batch was created.
    pub async fn import(&self, batch: &[Candidate], dry_run: bool, now: OffsetDateTime) -> Result<Imported, Failure> {
        let incoming = batch.iter().map(|line| line.account.clone()).collect::<Vec<_>>();
        let tx = self.postgres.transaction("user_import").await?;
        let created = user_import::create(&tx, &incoming, now).await?;
        let known = created.iter().collect::<HashSet<_>>();
        // By id: a line whose id exists is among them if an earlier line of the batch created it.
        let mut made = HashSet::new();
        let left = batch
            .iter()
            .filter(|line| !(known.contains(&line.account.id) && made.insert(line.account.id)))
            .collect::<Vec<_>>();
        let holders = if left.is_empty() {
            Vec::new()
        } else {
            user_import::holders(&tx, left.iter().map(|line| &line.account)).await?
        };
        if dry_run {
            tx.rollback().await?;
        } else {
            user_import::note(&tx, &created, now).await?;
            tx.commit().await?;
            let events = u64::try_from(created.len()).unwrap_or(u64::MAX);
            self.metrics
                .audit_events
                .with_label_values(&[Event::UserImported.as_str()])
                .inc_by(events);
        }
        let mut imported = Imported {
            created: created.len(),
            ..Imported::default()
        };
        for line in left {
            match line.conflict(&holders) {
                None => imported.skipped += 1,
                Some(refusal) => imported.refused.push(refusal),
            }
        }
        Ok(imported)
    }
}

impl Candidate {
    /// Why an account was not created; `None` if its email address had an account before.
    fn conflict(&self, holders: &[Holder]) -> Option<Refusal> {
        let mut existing = holders.iter().filter(|holder| !holder.is_deleted);
        if existing.clone().any(|holder| holder.email == self.account.email) {
            return None;
        }
        let name = self.account.username.as_deref();
        if name.is_some() && existing.any(|holder| holder.username.as_deref() == name) {
            return Some(self.refuse("username", "another account has this username"));
        }
        Some(self.refuse("id", "another account has or had this id"))
    }
}
