//! A configuration is accepted, or refused with a sentence and a place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::config;

fuzz_target!(|text: &str| {
    if let Err(errors) = config::parse("fuzz.yaml", text, &|name| Some(name.to_lowercase())) {
        assert!(!errors.to_string().trim().is_empty(), "a refusal without a reason");
    }
});
