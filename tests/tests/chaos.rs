//! A short chaos run of each topology: nodes and Redis die, fail over and stall under publishers and devices, and in
//! the end each device has each confirmed event once and in order. Long ones are run by hand, with `wirebell-audit
//! chaos`; what they found stands in `docs/reliability.md`. That the audit objects to a record in which an event is
//! dropped, doubled or out of order is shown beside its rules, in `src/chaos/audit.rs`.

use tokio::sync::Mutex;
use wirebell_tests::chaos::report::{Report, TABLE_HEADER};
use wirebell_tests::chaos::servers::Topology;
use wirebell_tests::chaos::{Scale, run};

/// One run after the other: a failover that is due to too many servers on one machine is not what is asked about.
static TURN: Mutex<()> = Mutex::const_new(());

async fn short(topology: Topology, seed: u64) -> Report {
    let _turn = TURN.lock().await;
    let report = Box::pin(run(Scale::small(topology, seed))).await;
    println!("{TABLE_HEADER}\n{report}");
    let passed = report.passed();
    assert!(passed, "{TABLE_HEADER}\n{report}\n{}\nwritten down in {:?}", report.summary(), report.write_files());
    // A run in which hardly anything happened would show nothing.
    assert!(report.confirmed() > 300 && report.reconnects() > 50, "{report}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_one_redis() {
    let report = short(Topology::Standalone, 1).await;
    assert!(report.faults("Redis killed") > 0 && report.faults("node killed") > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_sentinels() {
    let report = short(Topology::Sentinel, 1).await;
    assert!(report.faults("failover") + report.faults("roles swapped") > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_cluster() {
    let report = short(Topology::Cluster, 1).await;
    assert!(
        report.faults("failover") + report.faults("roles swapped") + report.faults("slot moved") > 0,
        "{report}"
    );
}
