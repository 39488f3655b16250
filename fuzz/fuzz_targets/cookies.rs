//! Cookies are found by their whole name, whatever stands beside them.

#![no_main]

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use sidegate::cookies;

fuzz_target!(|field: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(field) else { return };
    let mut headers = HeaderMap::new();
    headers.append(header::COOKIE, value);
    let before = cookies::values(&headers, "sid").count();
    assert!(before <= cookies::pairs(&headers).count());
    headers.append(header::COOKIE, HeaderValue::from_static("sid=a.b.c"));
    let values: Vec<_> = cookies::values(&headers, "sid").collect();
    assert_eq!(values.len(), before + 1, "nothing hides a cookie");
    assert_eq!(values.last().map(|value| &**value), Some("a.b.c"));
});
