//! Ids in paths.

use uuid::Uuid;

use crate::endpoints::problem::{Code, Problem};

/// The id in a path. A malformed id is answered like one of no account.
pub(super) fn id(text: &str, code: Code) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::new(code))
}
