//! Random targets, of the pieces that servers read in different ways.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Targets without end.
pub fn draw(seed: u64) -> impl Iterator<Item = String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let strategy = target();
    std::iter::from_fn(move || Some(strategy.new_tree(&mut runner).unwrap().current()))
}

/// Names of routes and others, each sometimes with an escape that it does not need.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => select(&["a", "b", "x.y", "~z", "caf%C3%A9", "a%20b"]),
        3 => select(&["admin", "files", "private"]),
        1 => select(&["%61dmin", "fil%65s", "%70rivate", "a%40b", "%7Ez", "...", "..a", ".", ".."]),
    ]
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        5 => Just("/"),
        5 => select(&["//", "%2F", "%2f", ";", ";v=1", ";v=1/", "/;", "%3B", "%3bv", ";%2F", "%3B%2F/", "///", ";/", "/;x%2Fy/"]),
    ]
}

fn target() -> impl Strategy<Value = String> {
    let part = (separator(), name()).prop_map(|(separator, name)| format!("{separator}{name}"));
    let start = select(&["", "", "", "/", "/host", "%2Fhost"]);
    let end = select(&["", "", "", "/", "//", ";", "%2F", "?a=/admin;//"]);
    (start, vec(part, 1..5), end)
        .prop_map(|(start, parts, end)| format!("/{start}{}{end}", parts.concat().trim_start_matches('/')))
}

fn select(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(from)
}
