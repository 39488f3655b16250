//! An accepted header block is the same to another parser (httparse): one target, one host, one length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::proxy::fuzzing;

fuzz_target!(|raw: &[u8]| {
    let Some(target) = fuzzing::head(raw) else { return };
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    // What it refuses, Pingora refuses before: it is the parser of Pingora.
    let Ok(httparse::Status::Complete(length)) = request.parse(raw) else { return };
    let start = raw.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let end = raw[start..].windows(4).position(|window| window == b"\r\n\r\n").map(|at| start + at + 4);
    assert_eq!(Some(length), end, "the block ends at the first empty line");
    assert_eq!(request.path.map(str::as_bytes), Some(&*target));
    let count = |name: &str| request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
    assert!(count("host") == 1, "one host");
    assert!(count("content-length") + count("transfer-encoding") <= 1, "one length");
});
