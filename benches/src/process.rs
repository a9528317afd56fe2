//! The programs that a run starts. They are killed by their ids, and nothing else is.

use std::collections::HashMap;
use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Context, Failure, Result};

/// How long a program may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Programs that run until this is dropped.
#[derive(Debug, Default)]
pub struct Processes {
    children: Vec<Child>,
    logs: Vec<PathBuf>,
}

impl Processes {
    /// Starts a program that logs to `folder/<name>.log`. The kernel kills it with this process.
    pub fn start(&mut self, name: &str, folder: &Path, program: &mut Command) -> Result<()> {
        let path = folder.join(format!("{name}.log"));
        let log = File::create(&path).context(|| format!("opening {}", path.display()))?;
        let errors = log.try_clone()?;
        let mut program = with_parent_death_signal(program);
        let child = program
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .context(|| format!("starting {name}"))?;
        self.children.push(child);
        self.logs.push(path);
        Ok(())
    }

    /// Returns the last lines that the programs logged.
    fn log_tail(&self) -> String {
        let last = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(8)..].join("\n")
        };
        self.logs.iter().map(last).collect::<Vec<_>>().join("\n")
    }

    /// Returns the ids of all programs and of their descendants.
    pub fn pids(&self) -> Vec<u32> {
        descendants(&self.children.iter().map(Child::id).collect::<Vec<_>>())
    }

    /// Waits until something listens on this port of 127.0.0.1. Fails at once if a program has
    /// ended.
    pub fn wait_for_port(&mut self, port: u16) -> Result<()> {
        self.wait_for(&format!("something listens on port {port}"), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
    }

    /// Waits until the condition holds. Fails at once if a program has ended.
    pub fn wait_for(&mut self, what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
        let begun = Instant::now();
        while !holds() {
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    let log = self.log_tail();
                    return Err(Failure::new(format!("a program ended ({status}) before {what}:\n{log}")));
                }
            }
            if begun.elapsed() > START_TIMEOUT {
                let (seconds, log) = (START_TIMEOUT.as_secs(), self.log_tail());
                return Err(Failure::new(format!("timeout after {seconds} s, waiting until {what}:\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // Descendants first: a master process whose worker dies would start another.
        let pids = self.pids();
        for pid in pids.iter().skip(self.children.len()) {
            signal(*pid, Signal::KILL);
        }
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for pid in pids.iter().skip(self.children.len()) {
            signal(*pid, Signal::KILL);
        }
    }
}

/// Returns the same command, so that the kernel kills the program when this process ends.
fn with_parent_death_signal(program: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "KILL", "--"]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(folder) = program.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
}

/// Kills all descendants of this process, for when it ends early.
pub fn kill_children() {
    for pid in descendants(&[std::process::id()]).into_iter().skip(1) {
        signal(pid, Signal::KILL);
    }
}

/// Returns these processes followed by all of their descendants.
fn descendants(first: &[u32]) -> Vec<u32> {
    let parents = parents();
    let mut pids = first.to_vec();
    let mut at = 0;
    while let Some(pid) = pids.get(at).copied() {
        pids.extend(parents.iter().filter(|(_, parent)| **parent == pid).map(|(child, _)| *child));
        at += 1;
    }
    pids
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Returns the parent of each process.
fn parents() -> HashMap<u32, u32> {
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name before it is in brackets and may contain anything.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if let (Some(pid), Some(parent)) = (pid, parent) {
            parents.insert(pid, parent);
        }
    }
    parents
}
