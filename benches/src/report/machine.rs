//! The machine and the commit of a run.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// The environment of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many cores.
    pub cores: usize,
    /// Memory in GiB.
    pub memory: u64,
    /// The kernel.
    pub kernel: String,
    /// The Redis server.
    pub redis: String,
    /// The compiler.
    pub rust: String,
    /// The commit; ends with `+` if there were uncommitted changes.
    pub commit: String,
    /// The day.
    pub date: String,
}

impl Machine {
    /// Describes this machine.
    pub fn here() -> Self {
        let kibibytes: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches("kB").trim().parse().unwrap_or(0);
        let redis = output("redis-server", &["--version"]);
        let changed = output("git", &["status", "--porcelain", "--untracked-files=no", "--", ":!docs"]);
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: kibibytes.div_ceil(1024 * 1024),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            redis: redis.split(' ').find_map(|word| word.strip_prefix("v=")).unwrap_or_default().to_owned(),
            rust: output("rustc", &["--version"]),
            commit: output("git", &["rev-parse", "--short", "HEAD"]) + if changed.is_empty() { "" } else { "+" },
            date: output("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn line(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim()));
    value.unwrap_or_default().to_owned()
}
