//! The result of verifying a second factor.

/// The result of verifying a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    Replayed,
}

impl Verdict {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Right => "success",
            Self::Wrong => "wrong",
            Self::Replayed => "replayed",
        }
    }
}
