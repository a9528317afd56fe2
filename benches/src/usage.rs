//! CPU and memory of processes, from the kernel's counters.

use std::time::Duration;

use wirebell_tests::memory::pss_if_it_runs;

/// Clock ticks of the kernel in a second: 100 on every Linux that this runs on.
const TICKS: u64 = 100;

/// Returns the CPU time of these processes so far, in user code and in the kernel.
pub fn cpu(pids: &[u32]) -> Duration {
    let ticks: u64 = pids.iter().filter_map(|pid| ticks(&stat(*pid))).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Returns the time that the host has taken from all processors since boot (steal time).
pub fn stolen() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let ticks = stat.lines().next().and_then(|all| all.split_whitespace().nth(8)?.parse::<u64>().ok());
    Duration::from_millis(ticks.unwrap_or_default() * 1000 / TICKS)
}

/// Returns the sum of their proportional set sizes in bytes.
pub fn pss(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| pss_if_it_runs(*pid)).sum()
}

fn stat(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()
}

/// Parses `utime` and `stime`, the 14th and 15th word. The second word is a name in brackets that
/// may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed_after_any_name() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 100 0 0 0 70 30 5 5 20 0 3 0 100 200 300";
        assert_eq!(ticks(stat), Some(100));
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn this_process_uses_cpu_and_memory() {
        assert!(pss(&[std::process::id()]) > 100_000);
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(0);
        }
        assert!(cpu(&[std::process::id()]) >= Duration::from_millis(20));
    }
}
