//! The gate alone: the cost of `admit` and of each of its steps, and how it grows.
//!
//! `make bench` runs it with a private Redis; `cargo bench --bench gate -- TEXT` runs the rows of the first table whose
//! names hold TEXT, and `-- growth` only the second table.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for people at a terminal; its figures are rounded"
)]

mod growth;
mod instructions;
mod rig;
#[path = "../support/mod.rs"]
mod support;

use sidegate::keys::provider;

/// The allocator of the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    provider::install();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = wanted.as_deref();
    if growth::be_measured_if_asked() || instructions::be_measured_if_asked(wanted) {
        return;
    }
    if wanted != Some("growth") {
        instructions::table(wanted);
    }
    if wanted.is_none_or(|wanted| wanted == "growth") {
        growth::table();
    }
}
