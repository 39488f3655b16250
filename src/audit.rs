//! The audit log as the program writes it: an entry says what happened, who did it, whom it concerns, and from where.

pub mod origin;
pub mod record;

pub use self::origin::Origin;
pub use self::record::AuditRecord;
