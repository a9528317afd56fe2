//! What processes take, as the kernel counts it.

use std::time::Duration;

use wirebell_tests::memory::pss_if_it_runs;

/// The kernel's clock ticks in a second: 100 on every Linux that this runs on.
const TICKS: u64 = 100;

/// CPU time that these processes have taken so far, in their own code and in the kernel.
pub fn cpu(pids: &[u32]) -> Duration {
    let ticks: u64 = pids.iter().filter_map(|pid| ticks(&stat(*pid))).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// What the machine's host has taken of the processors' time since the machine began, all of them together.
pub fn stolen() -> Duration {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let ticks = stat.lines().next().and_then(|all| all.split_whitespace().nth(8)?.parse::<u64>().ok());
    Duration::from_millis(ticks.unwrap_or_default() * 1000 / TICKS)
}

/// Their proportional set sizes together, in bytes.
pub fn pss(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| pss_if_it_runs(*pid)).sum()
}

fn stat(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()
}

/// `utime` and `stime`, the 14th and 15th word. The second is a name in brackets that may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut words = behind.split(' ').skip(11);
    let (user, system) = (words.next()?.parse::<u64>().ok()?, words.next()?.parse::<u64>().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 100 0 0 0 70 30 5 5 20 0 3 0 100 200 300";
        assert_eq!(ticks(stat), Some(100));
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn this_process_takes_something() {
        assert!(pss(&[std::process::id()]) > 100_000);
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(0);
        }
        assert!(cpu(&[std::process::id()]) >= Duration::from_millis(20));
    }
}
