//! The `wirebell` program. See `wirebell --help`.

use std::process::ExitCode;

// Thousands of small, long-lived allocations of mixed age. This allocator returns memory to the
// system after load.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    gateway::cli::run()
}
