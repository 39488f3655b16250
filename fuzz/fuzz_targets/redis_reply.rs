//! A reply of Redis is read as entries of the revocation feed, whatever is in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::store::revocations::fuzzing;

fuzz_target!(|reply: &[u8]| {
    for entry in fuzzing::entries(reply) {
        assert_eq!(entry, entry.clone());
    }
});
