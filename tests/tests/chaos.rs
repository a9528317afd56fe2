//! A short chaos run of each topology. Nodes and Redis die, fail over and stall under publishers
//! and devices. In the end each device has each confirmed event once and in order. Long runs are
//! started with `wirebell-audit chaos`; `docs/reliability.md` has their results. Tests in
//! `src/chaos/audit.rs` show that the audit reports a missing, duplicate or reordered event.

use tokio::sync::Mutex;
use wirebell_tests::chaos::report::{Report, TABLE_HEADER};
use wirebell_tests::chaos::servers::Topology;
use wirebell_tests::chaos::{Scale, run};

/// The runs are serialized: a failover that is caused by too many servers on one machine would
/// prove nothing.
static SERIAL: Mutex<()> = Mutex::const_new(());

/// Runs the first seed whose faults include one of these. On a busy machine Redis may refuse every
/// failover of a run, which then proves nothing about failovers.
async fn run_with_faults(topology: Topology, faults: &[&'static str]) -> Report {
    let mut report = run_small(topology, 1).await;
    for seed in 2..=3 {
        if faults.iter().any(|fault| report.faults(fault) > 0) {
            break;
        }
        report = run_small(topology, seed).await;
    }
    assert!(faults.iter().any(|fault| report.faults(fault) > 0), "none of {faults:?} took place: {report}");
    report
}

async fn run_small(topology: Topology, seed: u64) -> Report {
    let _serial = SERIAL.lock().await;
    let report = Box::pin(run(Scale::small(topology, seed))).await;
    println!("{TABLE_HEADER}\n{report}");
    let passed = report.passed();
    assert!(passed, "{TABLE_HEADER}\n{report}\n{}\ndetails: {:?}", report.summary(), report.write_files());
    // A run with few events or reconnects proves nothing.
    assert!(report.confirmed() > 300 && report.reconnects() > 50, "{report}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_one_redis() {
    let report = run_small(Topology::Standalone, 1).await;
    assert!(report.faults("Redis killed") > 0 && report.faults("node killed") > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_sentinels() {
    run_with_faults(Topology::Sentinel, &["failover", "roles swapped"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_cluster() {
    run_with_faults(Topology::Cluster, &["failover", "roles swapped", "slot moved"]).await;
}
