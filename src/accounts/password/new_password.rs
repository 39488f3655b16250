//! Checks a new password.

use crate::accounts::password::hasher::{HashError, Hasher};
use crate::accounts::password::rules::{self, Person, Weakness};
use crate::accounts::settings;
use crate::secret::Secret;

/// Checks a new password by all rules. What takes milliseconds is done by the hashing threads: two dozen registrations
/// at once would otherwise delay every other request to `/auth`.
///
/// # Errors
/// [`HashError::Overloaded`] when their queue is full. The inner error is the first rule that the password violates.
pub(crate) async fn check(
    hasher: &Hasher,
    password: &Secret,
    person: Person<'_>,
    settings: &settings::Password,
) -> Result<Result<(), Weakness>, HashError> {
    let words = match rules::check_quickly(password.expose(), person, settings) {
        Ok(words) => words,
        Err(weakness) => return Ok(Err(weakness)),
    };
    let weakness = hasher.weakness(password, words, settings.breached.clone()).await?;
    Ok(weakness.map_or(Ok(()), Err))
}
