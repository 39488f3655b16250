//! Prepares an issuer: the schema, then the keys. Both need PostgreSQL, which may start later than the issuer.

use std::{process, sync::Arc, time::Duration};

use tokio::runtime::Runtime;

use super::accounts::{self, IssuerServices};
use super::{Shared, background};
use crate::{
    clock,
    keys::issuer::IssuerError,
    store::{
        StoreError,
        migrate::{self, MigrateError, SHIPPED},
        postgres::Postgres,
    },
};

/// The interval between two attempts while PostgreSQL is unreachable.
const AGAIN: Duration = Duration::from_millis(500);

/// Starts the work and returns: meanwhile the process listens and reports that it is not ready.
pub(super) fn bring_up(io: &Runtime, shared: &Arc<Shared>, services: &Arc<IssuerServices>) {
    let (shared, services) = (Arc::clone(shared), Arc::clone(services));
    io.spawn(async move {
        prepare_schema(&shared, &services.postgres).await;
        let issuer = accounts::issuer(&shared, &services.accounts.settings, &services.postgres);
        loop {
            match issuer.load(clock::now()).await {
                Ok(()) => break,
                Err(IssuerError::Store(error)) if error.is_outage() => wait("the signing keys", &error).await,
                Err(error) => fatal(&error.to_string()),
            }
        }
        background::spawn_issuer(&shared, &services);
        issuer.run(clock::now).await;
    });
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
                    fatal(&format!(
                        "{pending} migrations are pending and `store.postgres.migrate_on_start` is off: run `sidegate migrate up`"
                    ));
                }
                return;
            }
            Err(MigrateError::Store(error)) if error.is_outage() => wait("the schema", &error).await,
            Err(error) => fatal(&error.to_string()),
        }
    }
}

async fn wait(what: &str, error: &StoreError) {
    tracing::warn!(%error, "waiting for PostgreSQL to read {what}");
    tokio::time::sleep(AGAIN).await;
}

/// Ends the process: it must not serve with a wrong schema or wrong keys.
fn fatal(sentence: &str) -> ! {
    tracing::error!("{sentence}");
    process::exit(1)
}
