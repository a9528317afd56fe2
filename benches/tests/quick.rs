//! A smoke test of the benchmarks with Wirebell and the bare writer. It says nothing about speed.
//! It shows that each row can be measured, that every event is counted, and that no process is left
//! running.

#![expect(clippy::expect_used, reason = "only tests are here")]

use std::process::Command;
use std::time::Duration;

use wirebell_benches::process::Processes;
use wirebell_benches::rows::Sample;

fn bench(arguments: &[&str]) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_wirebell-bench");
    Command::new(program).args(arguments).output().expect("the program that was built with this test")
}

#[test]
fn quick_run_measures_counts_and_reports() {
    let folder = std::env::temp_dir().join(format!("wirebell-bench-test-{}", std::process::id()));
    let out = folder.to_str().unwrap();
    let groups = "handshakes,unicast,http,fanout,payment,storm,catchup,overload";
    let run = bench(&["--quick", "--only", groups, "--peers", "wirebell,bare", "--out", out]);
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");

    let raw = std::fs::read_to_string(folder.join("benchmarks/run.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&raw).unwrap();
    let samples: Vec<Sample> = serde_json::from_value(report["samples"].clone()).unwrap();
    for row in
        ["handshakes-es256", "unicast-p99", "http-p99", "fanout", "payment-amid", "storm-time", "catchup-cpu"]
    {
        let sample = samples.iter().find(|sample| sample.row == row && sample.subject == "wirebell");
        assert!(sample.is_some_and(|sample| sample.value > 0.0), "no figure for {row}: {said}");
    }
    let accounts: Vec<_> = samples.iter().filter_map(|sample| sample.account).collect();
    assert!(accounts.len() > 10 && accounts.iter().all(|account| account.is_exact() && account.sent > 0), "{said}");
    let page = std::fs::read_to_string(folder.join("benchmarks.md")).unwrap();
    assert!(page.contains("| An event to one user through Redis, deliveries per CPU s |"), "{page}");
    assert!(std::fs::read_to_string(folder.join("benchmarks/unicast.svg")).unwrap().ends_with("</svg>\n"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn unknown_system_is_rejected_with_the_known_names() {
    let run = bench(&["--peers", "nobody"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("nobody") && said.contains("wirebell-volatile"), "{said}");
}

#[test]
fn programs_are_killed_with_their_children() {
    let folder = std::env::temp_dir();
    let mut running = Processes::default();
    running
        .start("wirebell-bench-nested", &folder, Command::new("sh").args(["-c", "sleep 60 & sleep 61; true"]))
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let pids = running.pids();
    assert_eq!(pids.len(), 3, "a shell and two sleepers");
    drop(running);
    std::thread::sleep(Duration::from_millis(100));
    let left: Vec<_> = pids.iter().filter(|pid| is_running(**pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Returns whether the process runs: it exists and is no zombie.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
