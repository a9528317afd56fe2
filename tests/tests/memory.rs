//! The cost of one authenticated connection on the Redis bus, in proportional set size. The limit
//! is generous; the figure itself is printed. `WIREBELL_TEST_FULL=1` runs it with 15,000
//! connections.

use wirebell_tests::audit::connection_memory::run;
use wirebell_tests::full_size;

/// Maximum memory of one connection, in bytes.
const LIMIT: u64 = 8 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn connection_stays_below_the_memory_limit() {
    let report = run(if full_size() { 15_000 } else { 8_000 }).await;
    println!("{report}");
    assert_eq!(report.lost, 0, "a connection ended while it was measured");
    assert!(report.connected <= LIMIT && report.used <= LIMIT, "more than {LIMIT} bytes\n{report}");
}
