//! The code of a refusal, for the code that passes the response on.

/// An extension of a response that refuses: its stable code, for the log and the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCode(pub &'static str);
