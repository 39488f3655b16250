//! Prepares an issuer: the schema, then the keys. Both need PostgreSQL, which may start later than the issuer.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Runtime;

use super::accounts::{self, IssuerServices};
use super::{Shared, background, essential};
use crate::{
    clock,
    keys::issuer::IssuerError,
    store::{
        StoreError, insight,
        migrate::{self, MigrateError, SHIPPED},
        postgres::Postgres,
    },
};

/// The interval between two attempts while PostgreSQL is unreachable.
const AGAIN: Duration = Duration::from_millis(500);

/// Starts the work and returns: meanwhile the process listens and reports that it is not ready.
pub(super) fn bring_up(io: &Runtime, shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    let (spawned, services) = (Arc::clone(shared), Arc::clone(services));
    essential::spawn(io.handle(), shared, "the signing keys", async move {
        let shared = spawned;
        prepare_schema(&shared, &services.postgres).await;
        let issuer = accounts::issuer(&shared, &services.accounts.settings, &services.postgres);
        loop {
            match issuer.load(clock::now()).await {
                Ok(()) => break,
                Err(IssuerError::Store(error)) if error.is_outage() => wait("the signing keys", &error).await,
                Err(error) => shared.fatal(&error.to_string()),
            }
        }
        warn_of_lost_writes(&services.postgres).await;
        background::spawn_issuer(&shared, &services);
        issuer.run(clock::now).await;
    });
}

/// A revocation that PostgreSQL has confirmed and then loses in a crash is a sign-out that did not happen.
async fn warn_of_lost_writes(postgres: &Postgres) {
    match insight::durability(postgres).await.map(|durability| durability.risks()) {
        Ok(risks) if risks.is_empty() => {}
        Ok(risks) => tracing::warn!(
            settings = risks.join(", "),
            "PostgreSQL runs with {} = off: a crash of the server can undo sign-outs and other changes that it has confirmed",
            risks.join(", ")
        ),
        Err(error) => tracing::debug!(%error, "the durability of PostgreSQL is not known"),
    }
}

async fn prepare_schema(shared: &Shared, postgres: &Postgres) {
    loop {
        let outcome = if shared.boot.migrate_on_start {
            migrate::up(postgres, SHIPPED, migrate::LOCK_WAIT, clock::now())
                .await
                .map(|applied| {
                    for migration in applied {
                        tracing::info!(migration = migration.name, "migrated");
                    }
                    0
                })
        } else {
            migrate::check(postgres, SHIPPED).await
        };
        match outcome {
            Ok(pending) => {
                let newest = SHIPPED.last().map_or(0, |migration| migration.version);
                shared
                    .metrics
                    .db_migrations_pending
                    .set(i64::try_from(pending).unwrap_or(i64::MAX));
                shared
                    .metrics
                    .db_schema_version
                    .set(i64::from(newest) - i64::try_from(pending).unwrap_or(0));
                if pending > 0 {
                    shared.fatal(&format!(
                        "{pending} migrations are pending and `store.postgres.migrate_on_start` is off: run `sidegate migrate up`"
                    ));
                }
                return;
            }
            Err(MigrateError::Store(error)) if error.is_outage() => wait("the schema", &error).await,
            Err(error) => shared.fatal(&error.to_string()),
        }
    }
}

async fn wait(what: &str, error: &StoreError) {
    tracing::warn!(%error, "waiting for PostgreSQL to read {what}");
    tokio::time::sleep(AGAIN).await;
}
