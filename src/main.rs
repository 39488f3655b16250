//! The `sidegate` command.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use sidegate::cli::Cli;

/// Measured against that of glibc: BENCHMARKS.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
