//! Records that an issuer loaded another configuration, which can change who may do what.

use time::OffsetDateTime;

use crate::audit::{AuditRecord, Origin};
use crate::metrics::Metrics;
use crate::store::StoreError;
use crate::store::audit::Event;
use crate::store::postgres::Postgres;

/// Writes the audit entry of a reload. `sha256` is the digest of the new file, as in `sidegate_config_info`.
///
/// # Errors
/// When PostgreSQL does not accept it. The reload has taken place nevertheless.
pub async fn record_reload(
    postgres: &Postgres,
    metrics: &Metrics,
    sha256: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    AuditRecord::to(None, Event::ConfigReloaded, &Origin::default())
        .with("sha256", sha256)
        .insert(postgres, metrics, now)
        .await
}
