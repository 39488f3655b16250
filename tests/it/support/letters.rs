//! Letters as they wait to be sent, opened with the secret of the test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sidegate::keys::seal;
use sidegate::secret::Key32;
use tokio_postgres::Client;

use super::config::SECRET;
use super::sidecar::Sidecar;

/// What the sidecars of tests seal with.
fn secret() -> Key32 {
    Key32::new(STANDARD.decode(SECRET).unwrap().try_into().unwrap())
}

/// The queued letters to an address, the oldest first: `letter` (which one), `to`, and what it says.
pub async fn letters_in(database: &Client, secret: &Key32, email: &str) -> Vec<Value> {
    let rows = database
        .query("SELECT payload_sealed FROM mail_queue ORDER BY created_at, id", &[])
        .await
        .unwrap();
    let opened = rows.iter().map(|row| {
        let plain = seal::open(secret, "mail", row.get(0)).expect("sealed with the test's secret");
        serde_json::from_slice::<Value>(&plain).unwrap()
    });
    opened.filter(|letter| letter["to"]["email"] == email).collect()
}

impl Sidecar {
    /// The letters to an address, the oldest first.
    pub async fn letters(&self, email: &str) -> Vec<Value> {
        letters_in(&self.database().await, &secret(), email).await
    }

    /// How many letters of a kind went to an address.
    pub async fn count_letters(&self, email: &str, letter: &str) -> usize {
        let all = self.letters(email).await;
        all.iter().filter(|found| found["letter"] == letter).count()
    }

    /// What the last letter of a kind says: its `code` or `token`.
    pub async fn mailed(&self, email: &str, letter: &str) -> String {
        let all = self.letters(email).await;
        let last = all.iter().rev().find(|found| found["letter"] == letter);
        let last = last.unwrap_or_else(|| panic!("no {letter} went to {email}: {all:?}"));
        let said = last.get("code").or_else(|| last.get("token"));
        said.expect("it carries a code or a token").as_str().unwrap().to_owned()
    }
}
