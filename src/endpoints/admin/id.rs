//! Ids in paths.

use uuid::Uuid;

use crate::endpoints::problem::{Code, Problem};

/// The id in a path. What is none names no account either.
pub(super) fn id(text: &str, code: Code) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::new(code))
}
