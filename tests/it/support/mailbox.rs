//! Messages in the queue, decrypted with the secret of the tests.

use serde_json::Value;
use sidegate::keys::{KeyUse, Secrets};
use sidegate::secret::Key32;

/// The messages of one kind. Those of one instant are in no order.
pub async fn messages(database: &tokio_postgres::Client, secret: [u8; 32], message: &str) -> Vec<Value> {
    let secrets = Secrets::new(&Key32::new(secret), []).unwrap();
    let query = "SELECT payload_sealed FROM mail_queue WHERE message = $1 ORDER BY id";
    let rows = database.query(query, &[&message]).await.unwrap();
    rows.iter()
        .map(|row| {
            let plain = secrets.open(KeyUse::Mail, "", row.get(0)).unwrap();
            serde_json::from_slice(&plain).unwrap()
        })
        .collect()
}
