//! A reload is in the audit log of an issuer.

use super::TIMEOUT;
use crate::support::{TestSidecar, wait_until};

const RELOADS: &str = "SELECT data->>'sha256' FROM audit_logs WHERE event = 'config_reloaded' ORDER BY id";

#[tokio::test]
async fn a_reload_is_an_audit_entry_with_the_digest_of_the_configuration() {
    let mut sidecar = TestSidecar::new().route("/old/**", "public").start().await;
    let database = sidecar.database().await;
    let recorded = async || {
        let rows = database.query(RELOADS, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    assert_eq!(recorded().await, [""; 0]);
    sidecar.reconfigure("routes: [{ id: new, match: { path: /new/** }, upstream: app, access: public }]");
    wait_until("the reload is recorded", TIMEOUT, async || !recorded().await.is_empty()).await;
    let sha256 = recorded().await.remove(0);
    let shown = sidecar.metric("sidegate_config_info", &[("sha256", &sha256)]).await;
    assert!((shown - 1.0).abs() < 0.1, "{sha256}");
}

#[tokio::test]
async fn a_reload_that_failed_is_none() {
    let sidecar = TestSidecar::new().start().await;
    std::fs::write(sidecar.config_file(), "version: 2").unwrap();
    assert_eq!(sidecar.admin("POST", "/-/reload").send().await.status(), 422);
    assert_eq!(sidecar.database().await.query(RELOADS, &[]).await.unwrap().len(), 0);
}
