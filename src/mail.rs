//! What people are written. A letter is queued in the transaction of what it tells about, and sent later by whoever has time:
//! no request waits for a mail server, and none is lost with a process.
//!
//! ```text
//! Accounts::mail ─► mail_queue (sealed) ─► worker ─► templates ─► message ─► smtp | file | log
//!                                            └ refused, late, or tried too often: failed, audited, logged
//! ```

pub mod letter;
pub mod message;
pub mod retry;
pub mod sanitize;
pub mod settings;
pub mod smtp;
pub mod templates;
pub mod transport;
pub mod worker;

use std::time::Duration;

use time::OffsetDateTime;

pub use self::letter::{Letter, Recipient};
pub use self::templates::{TemplateError, Templates};

use self::letter::Payload;
use crate::accounts::Accounts;
use crate::keys::seal;
use crate::store::mail::{self, NewLetter};
use crate::store::postgres::Executor;
use crate::store::{StoreError, id};

/// What a payload is sealed for.
const PURPOSE: &str = "mail";
/// News that nobody has to act on within minutes may be late by this much.
const NEWS: Duration = Duration::from_secs(3 * 86_400);

impl Accounts {
    /// Whether letters can be sent here. What needs one is refused where they cannot, and says so.
    pub fn sends_mail(&self) -> bool {
        self.settings.mail.is_some()
    }

    /// Queues a letter; where none can be sent, does nothing. `life`: how long it is worth sending, such as the life of its
    /// code; news by default.
    pub(crate) async fn mail(
        &self,
        db: &impl Executor,
        to: Recipient,
        letter: Letter,
        life: Option<Duration>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if !self.sends_mail() {
            return Ok(());
        }
        let (word, user_id) = (letter.word(), to.user_id);
        let payload = serde_json::to_vec(&Payload { to, letter }).expect("strings are always JSON");
        let letter = NewLetter {
            id: id::new(now),
            letter: word,
            user_id,
            payload_sealed: &seal::seal(&self.settings.secret, PURPOSE, &payload),
            created_at: now,
            expires_at: now + life.unwrap_or(NEWS),
        };
        mail::insert(db, &letter).await?;
        // The row is not committed yet: the worker looks several times.
        self.letters_wait.notify_one();
        Ok(())
    }
}
