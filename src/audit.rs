//! Audit entries: the event, who caused it, the account it is about, and the origin of the request.

pub mod origin;
pub mod record;

pub use self::origin::Origin;
pub use self::record::AuditRecord;
