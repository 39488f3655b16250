//! The `sidegate` command.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use sidegate::cli::Cli;

/// The allocator; BENCHMARKS.md compares it with that of glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    small_pages();
    Cli::parse().run()
}

/// Turns huge pages off: the allocator would request several, each used for a few kilobytes only, which costs an idle
/// sidecar eleven megabytes. A kernel that does not support the request ignores it.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
