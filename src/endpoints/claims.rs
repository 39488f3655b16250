//! The claims of a verified token, for endpoints that show them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Decodes the claims of a token that was just verified. Never call it with any other: its claims are not verified.
pub(super) fn of(verified: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(verified.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}
