//! Ids as arguments.

use uuid::Uuid;

/// Reads an id; the error says what one looks like instead of where its parser stopped.
///
/// # Errors
/// When the text is not a UUID.
pub fn id(text: &str) -> Result<Uuid, String> {
    text.parse()
        .map_err(|_| "expected an id such as 01a21e49-592b-7f2b-92ee-b5ee2f8f7c1c".to_owned())
}
