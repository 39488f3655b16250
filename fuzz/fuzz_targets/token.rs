//! A token is parsed or refused, and has one spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sidegate::gate::verify::fuzzing;

fuzz_target!(|text: &str| {
    if fuzzing::token(text) {
        assert_eq!(text.split('.').count(), 3);
        let (header, _) = text.split_once('.').expect("three parts");
        assert!(!header.contains(['=', '+', '/']), "base64url without padding");
        assert!(!fuzzing::token(&format!("{text}.")), "a fourth part");
        assert!(!fuzzing::token(&format!("={text}")), "padding");
    }
});
