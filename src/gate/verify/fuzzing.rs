//! What the fuzz targets in `fuzz/` need of this room. Not part of any other build.

use super::parse;

/// Whether a token can be parsed.
pub fn token(text: &str) -> bool {
    parse::token(text).is_ok()
}
