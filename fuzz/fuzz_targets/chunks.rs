//! A chunked body ends where it ends for httparse, however it arrives. Where two parsers disagree, a request is smuggled.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proxy::fuzzing;

fuzz_target!(|body: &[u8]| {
    let whole = fuzzing::chunks(&[body]);
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    let end = whole.ok().flatten();
    // A body that has ended has no more pieces.
    let pieces = end.map_or(&bytes[..], |end| &bytes[..end]);
    assert_eq!(fuzzing::chunks(pieces), whole, "byte by byte");
    if let Some(end) = end {
        assert_eq!(reference(body), Some(end), "httparse finds another end");
    }
});

/// The end of the body by the sizes that httparse reads.
fn reference(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(&body[at..]).ok()? else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        at += usize::try_from(size).ok()?;
        if body.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    // Trailers, up to the empty line.
    loop {
        let line = body[at..].windows(2).position(|window| window == b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}
