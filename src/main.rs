//! The `sidegate` command.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use sidegate::cli::Cli;

/// Measured against that of glibc: BENCHMARKS.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    small_pages();
    Cli::parse().run()
}

/// The allocator asks for huge pages, of which an idle sidecar would hold several for a few kilobytes each: eleven megabytes in
/// every pod. A kernel that does not know the request goes on as before.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
