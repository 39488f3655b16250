//! All integration tests in one binary, so that it links once. One module per topic.

#![expect(clippy::unwrap_used, reason = "a panic here is a failed test with a line number")]

mod store;
