//! One client reads one kilobyte per second while events go to it and to many others. The node
//! stays small, the others are served, and `/inspect` names the slow client. It ends with all of
//! its events, once and in order. The latency of the others, with and without the slow client, is
//! printed and not asserted. `WIREBELL_TEST_FULL=1` runs it with 1,000 clients and 100,000 events.
//! `resume.rs` tests a client that reads nothing at all.

use wirebell_tests::audit::slow_client::{Scale, run};
use wirebell_tests::full_size;

/// Maximum growth of the node: far less than the events that wait for the slow client in the large
/// run.
const MAX_GROWTH: u64 = 16 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn slow_client_costs_little_memory_and_receives_everything() {
    let report = Box::pin(run(if full_size() { Scale::FULL } else { Scale::SMALL })).await;
    println!("{report}");
    assert!(report.violations.is_empty(), "\n{report}");
    assert!(report.overflows > 0 && report.caught_up > 0, "the slow client never lagged\n{report}");
    assert!(report.listed_as_slow, "`/inspect` does not name the slow client\n{report}");
    assert!(report.growth < MAX_GROWTH, "the node grew by more than {MAX_GROWTH}\n{report}");
}
