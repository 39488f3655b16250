//! Maps PostgreSQL's errors to [`StoreError`].
//!
//! Errors contain only codes, names and the server's short message. Its `DETAIL` quotes rows (`Key (email)=(…) already
//! exists`), which must not get into logs.

use deadpool_postgres::PoolError;
use prometheus::IntGauge;
use tokio_postgres::error::SqlState;

use crate::metrics::Metrics;
use crate::store::{StoreError, StoreName};

const STORE: StoreName = StoreName::Postgres;
/// The label of its metrics.
pub(super) const POSTGRES: &str = STORE.as_str();

/// Counts a failed call, and updates the state of the server that was called.
pub(super) fn count_error(metrics: &Metrics, up: &IntGauge, operation: &'static str, error: &StoreError) {
    metrics
        .store_operation_errors
        .with_label_values(&[POSTGRES, operation, error.reason()])
        .inc();
    if error.is_outage() {
        up.set(0);
    }
}

pub(in crate::store) fn from_call(operation: &'static str, error: &tokio_postgres::Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let cause = with_sources(error);
        // Without a response of the server it is a connection error, unless a value could not be converted to its
        // column's type.
        return if error.is_closed() || is_transport(error) {
            StoreError::Unavailable {
                store: STORE,
                operation,
                cause,
            }
        } else {
            StoreError::Data {
                store: STORE,
                operation,
                cause,
            }
        };
    };
    let code = db.code().code();
    let cause = format!("{} ({code})", db.message());
    match (code, &code[..2]) {
        // Cancelled by statement_timeout, or by lock_timeout.
        ("57014" | "55P03", _) => StoreError::Timeout {
            store: STORE,
            operation,
        },
        (_, "23") => StoreError::Constraint {
            name: db.constraint().or(db.column()).unwrap_or(code).to_owned(),
        },
        // Connection lost, authentication failed, no such database, deadlock or serialization failure (retry), out of
        // resources, read-only (a failover in progress), shutting down, or an outdated plan or statement.
        (_, "08" | "28" | "3D" | "40" | "53" | "57" | "58") | ("25006" | "0A000" | "26000", _) => {
            StoreError::Unavailable {
                store: STORE,
                operation,
                cause,
            }
        }
        // A privilege is missing, or an operator's trigger refuses the row.
        ("42501" | "P0001", _) => StoreError::Refused {
            store: STORE,
            operation,
            cause,
        },
        _ => StoreError::Data {
            store: STORE,
            operation,
            cause,
        },
    }
}

pub(super) fn from_pool(operation: &'static str, error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(_) => StoreError::Timeout {
            store: STORE,
            operation,
        },
        PoolError::Backend(error) => from_connect(operation, &error),
        error => StoreError::Unavailable {
            store: STORE,
            operation,
            cause: error.to_string(),
        },
    }
}

/// Every error while connecting is an outage: the next attempt may reach another server.
pub(super) fn from_connect(operation: &'static str, error: &tokio_postgres::Error) -> StoreError {
    let mut cause = with_sources(error);
    if cause.contains("does not support TLS") {
        cause.push_str("; for a server without TLS on a network you trust, add sslmode=disable to the URL");
    }
    if cause.contains("certificate") {
        cause.push_str("; name the authority that signed it with sslrootcert=FILE in the URL");
    }
    StoreError::Unavailable {
        store: STORE,
        operation,
        cause,
    }
}

/// The schema changed under a prepared statement (by a migration, or because a pooler dropped it): preparing it again
/// helps.
pub(super) fn is_stale_statement(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::INVALID_SQL_STATEMENT_NAME
            || (*db.code() == SqlState::FEATURE_NOT_SUPPORTED && db.message().contains("cached plan"))
    })
}

fn is_transport(error: &tokio_postgres::Error) -> bool {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
        .any(<dyn std::error::Error>::is::<std::io::Error>)
}

fn with_sources(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
