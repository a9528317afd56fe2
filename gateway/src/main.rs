//! `wirebell`: see `wirebell --help`.

use std::process::ExitCode;

// Thousands of small, long-lived allocations of mixed age: this allocator gives back after load what it took.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    gateway::cli::run()
}
