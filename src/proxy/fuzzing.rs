//! What the fuzz targets in `fuzz/` need of this room. Not part of any other build.

use std::time::Duration;

use http::{Method, Version};

use super::{framing::chunks::Chunks, reading, snapshot::RequestLimits};

/// Reads a header block as that of a `POST` of HTTP/1.1, and returns the target if it is accepted.
pub fn head(raw: &[u8]) -> Option<Box<[u8]>> {
    let limits = RequestLimits {
        header_bytes: 32 * 1024,
        headers: 100,
        connections: 100,
        request_header: Duration::from_secs(10),
        idle: Duration::from_secs(60),
    };
    let head = reading::read_http1(raw, &Method::POST, Version::HTTP_11, &limits).ok()?;
    (!head.rewritten).then_some(head.target)
}

/// Inspects a chunked body that arrives in these pieces: how many bytes belong to it if it is complete, or that it is
/// malformed.
///
/// # Errors
/// It is malformed.
pub fn chunks(pieces: &[&[u8]]) -> Result<Option<usize>, ()> {
    let mut chunks = Chunks::default();
    let mut length = 0;
    for piece in pieces {
        length += chunks.inspect(piece).map_err(drop)?;
    }
    Ok(chunks.is_complete().then_some(length))
}
