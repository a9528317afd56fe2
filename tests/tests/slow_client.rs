//! One client reads a kilobyte a second while events go to it and to many others: the node stays small, the others are
//! served, `/inspect` names it, and it ends with all of its events, in order, each once. How long the others waited,
//! with it and without it, is printed and not asserted. `WIREBELL_TEST_FULL=1` runs it with 1,000 clients and 100,000
//! events. That a client which takes nothing at all is dropped and can come back stands in `resume.rs`.

use wirebell_tests::audit::slow_client::{Scale, run};
use wirebell_tests::full_size;

/// By how much a node may grow beside a slow client: far less than what waits for that client in the large run.
const MAX_GROWTH: u64 = 16 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_costs_neither_memory_nor_the_others_and_ends_with_everything() {
    let report = Box::pin(run(if full_size() { Scale::FULL } else { Scale::SMALL })).await;
    println!("{report}");
    assert!(report.violations.is_empty(), "\n{report}");
    assert!(report.overflows > 0 && report.caught_up > 0, "the slow client was never behind\n{report}");
    assert!(report.listed_as_slow, "`/inspect` does not name the slow client\n{report}");
    assert!(report.growth < MAX_GROWTH, "the node grew by more than {MAX_GROWTH}\n{report}");
}
