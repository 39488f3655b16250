//! What the fuzz targets in `fuzz/` need of this room. Not part of any other build.

use ::redis::streams::{StreamRangeReply, StreamReadReply};

use super::{entry::Entry, wire};

/// The entries in a reply of Redis (RESP) to `XRANGE` or `XREAD`, as the feed reads them.
pub fn entries(reply: &[u8]) -> Vec<Entry> {
    let Ok(value) = ::redis::parse_redis_value(reply) else {
        return Vec::new();
    };
    if let Ok(page) = ::redis::from_redis_value::<StreamRangeReply>(value.clone()) {
        return page.ids.iter().map(wire::entry).collect();
    }
    let Ok(tail) = ::redis::from_redis_value::<StreamReadReply>(value) else {
        return Vec::new();
    };
    tail.keys.iter().flat_map(|key| &key.ids).map(wire::entry).collect()
}
