//! What a token says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims of a token that has just been verified. Of any other they are somebody's word.
pub(super) fn of(verified: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(verified.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}
