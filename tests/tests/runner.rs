//! `tests/run` with stubs for all commands: its summary, its exit code, and what it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Every command and script that `tests/run` starts. `FAIL` and `HANG` name the ones that fail and hang.
const STUB: &str = r#"#!/bin/bash
echo "$WIREBELL_BIN"
command=${0#"$RUNNER/"}_$1
for fail in $FAIL; do [ "$command" != "$fail" ] || exit 3; done
for hang in $HANG; do
    [ "$command" != "$hang" ] || { file=$RUNNER/${hang//\//-}; echo $$ >"$file.new" && mv "$file.new" "$file.pid"; exec /bin/sleep 300; }
done
"#;

const STUBS: [&str; 21] = [
    "bin/cargo",
    "bin/npm",
    "bin/sleep",
    "bin/sudo",
    "bin/apt-get",
    "bin/redis-server",
    "bin/chromium",
    "bin/promtool",
    "tests/autobahn/run",
    "tests/conformance/run",
    "tests/contracts/run",
    "tests/deploy/run",
    "tests/e2e/run",
    "tests/languages/run",
    "tests/prose/run",
    "tests/valkey/run",
    "tests/webhook/run",
    "examples/run",
    "clients/js/run",
    "publisher-sdk/node/run",
    "publisher-sdk/python/run",
];

/// A folder with `tests/run` and stubs. It is removed at the end.
struct Runner {
    folder: PathBuf,
}

impl Runner {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("wirebell-runner-{}-{name}", std::process::id()));
        for stub in STUBS {
            let path = folder.join(stub);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
            fs::write(&path, STUB).expect("a stub can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a stub can be executable");
        }
        for file in ["run", "slowest.py"] {
            let original = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            fs::copy(original, folder.join("tests").join(file)).expect("the runner can be copied");
        }
        Self { folder }
    }

    fn start(&self, fail: &str, hang: &str) -> Child {
        let path = format!("{}:{}", self.folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        Command::new(self.folder.join("tests/run"))
            .env("PATH", path)
            .env("RUNNER", &self.folder)
            .env("FAIL", fail)
            .env("HANG", hang)
            .env("CARGO_TARGET_DIR", "built")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash runs")
    }

    fn output(&self, fail: &str) -> (Option<i32>, String) {
        let output = self.start(fail, "").wait_with_output().expect("an output");
        (output.status.code(), text(&output))
    }

    /// Waits for a command that hangs, and returns its process id.
    fn hanging(&self, command: &str) -> String {
        let file = self.folder.join(format!("{}.pid", command.replace('/', "-")));
        eventually(|| file.exists());
        fs::read_to_string(file).expect("a process id").trim().to_owned()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn eventually(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it did not happen in 20 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the fields of `/proc/<pid>/stat` after the name: the state, the parent, …
fn process(pid: &str) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    fields.split(' ').map(ToOwned::to_owned).collect()
}

fn has_ended(pid: &str) -> bool {
    ["", "Z"].contains(&process(pid)[0].as_str())
}

fn kill(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status().expect("kill runs");
    assert!(status.success(), "kill {signal} {pid}");
}

/// Returns whether the summary has this step with this result.
fn has(output: &str, step: &str, result: &str) -> bool {
    let summary = output.split("=== summary").nth(1).unwrap_or_default();
    summary.lines().any(|line| line.starts_with(&format!("{step} ")) && line.ends_with(&format!("  {result}")))
}

#[test]
fn run_without_failures_succeeds() {
    let runner = Runner::new("success");
    let (code, output) = runner.output("");
    assert_eq!(code, Some(0), "{output}");
    assert!(output.ends_with("steps: 21 passed, 0 failed\n"), "{output}");
    let binary = runner.folder.join("built/release/wirebell");
    assert!(output.contains(&binary.display().to_string()), "steps get a relative path to the gateway: {output}");
}

#[test]
fn failed_step_of_each_lane_fails_the_run() {
    let failing = [
        ("tests/e2e/run_", "e2e"),
        ("tests/languages/run_", "languages"),
        ("bin/cargo_fmt", "fmt"),
        ("bin/npm_ci", "packages"),
        ("tests/autobahn/run_", "conformance"),
    ];
    for (command, step) in failing {
        let (code, output) = Runner::new(step).output(command);
        assert_eq!(code, Some(1), "{output}");
        assert!(has(&output, step, "FAILED (3)"), "{step}: {output}");
        assert!(has(&output, "valkey", "ok"), "{step}: {output}");
    }
}

#[test]
fn failed_build_ends_the_run_with_a_complete_summary() {
    let (code, output) = Runner::new("build").output("bin/cargo_build");
    assert_eq!(code, Some(1), "{output}");
    assert!(has(&output, "build", "FAILED (3)") && has(&output, "packages", "ok"), "{output}");
    assert!(!has(&output, "test", "ok"), "{output}");
}

#[test]
fn signal_ends_all_steps() {
    let commands = ["tests/e2e/run_", "bin/cargo_test", "bin/cargo_fmt"];
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        let runner = Runner::new(&format!("signal{signal}"));
        let mut run = runner.start("", &commands.join(" "));
        let hanging = commands.map(|command| runner.hanging(command));
        kill(signal, &run.id().to_string());
        eventually(|| hanging.iter().all(|pid| has_ended(pid)));
        let status = run.wait().expect("a status");
        assert_eq!((status.code(), status.signal()), (Some(code), None), "{signal}");
    }
}

#[test]
fn killed_lane_fails_the_run() {
    let runner = Runner::new("killed");
    let run = runner.start("", "tests/e2e/run_");
    let hanging = runner.hanging("tests/e2e/run_");
    kill("-KILL", &process(&hanging)[1]);
    let output = run.wait_with_output().expect("an output");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(has(&text(&output), "other_lane", "FAILED (137)"), "{}", text(&output));
    eventually(|| has_ended(&hanging));
}
