//! Email to users. A message is queued in the transaction of the change it reports and sent later by a worker of any
//! issuer: no request waits for a mail server, and no message is lost with a process.
//!
//! ```text
//! Queue::insert ─► mail_queue (sealed) ─► worker ─► templates ─► message ─► smtp | file | log
//!                                            └ rejected, expired, or too many attempts: failed, audited, logged
//! ```

mod address;
pub mod links;
pub mod message;
pub mod mime;
pub mod not_sent;
pub mod queue;
pub mod retry;
pub mod sanitize;
pub mod settings;
pub mod smtp;
pub mod templates;
pub mod transport;
pub mod worker;

pub(crate) use self::address::can_be_sent_to;
pub use self::message::{Message, Recipient};
pub use self::templates::{TemplateError, Templates};

pub use self::queue::Queue;
pub use self::worker::Worker;
