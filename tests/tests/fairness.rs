//! Broadcasts to every connection do not delay events to one user. No broadcast and no single event
//! is lost, repeated or reordered. The latency is printed and not asserted. `WIREBELL_TEST_FULL=1`
//! runs it with 10,000 connections.

use wirebell_tests::audit::fairness::{Scale, run};
use wirebell_tests::full_size;

#[tokio::test(flavor = "multi_thread")]
async fn broadcasts_and_single_events_arrive_once_and_in_order() {
    let report = run(if full_size() { Scale::FULL } else { Scale::SMALL }).await;
    println!("{report}");
    assert!(report.broadcasts > 3, "no broadcasts, so the run proves nothing\n{report}");
    assert!(report.violations.is_empty(), "\n{report}");
}
