//! Replicas that are away.

use std::sync::Arc;
use std::time::Duration;

use sidegate::metrics::Metrics;
use sidegate::secret::Secret;
use sidegate::store::postgres::Postgres;
use sidegate::store::users;

use super::fixture::Database;

#[tokio::test]
async fn a_replica_that_is_away_has_a_gauge_of_its_own() {
    let database = Database::migrated().await;
    let ada = database.user("ada@example.com").await;
    let mut settings = database.settings();
    settings.connect_timeout = Duration::from_millis(300);
    settings.replicas = vec![Secret::new("postgres:///nobody?host=/nonexistent")];
    let metrics = Arc::new(Metrics::new());
    let postgres = Postgres::connect(&settings, &metrics).unwrap();
    assert!(users::find(&postgres.reader(), ada.id).await.unwrap().is_some());
    let text = String::from_utf8(metrics.render()).unwrap();
    for series in [
        r#"sidegate_store_up{store="postgres"} 1"#,
        r#"sidegate_store_up{store="postgres_replica"} 0"#,
    ] {
        assert!(text.contains(series), "{series}");
    }
}
