//! The memory of a process: its proportional set size, which divides shared pages among the
//! processes that share them.

/// Returns the proportional set size in bytes.
pub fn pss(pid: u32) -> u64 {
    pss_if_it_runs(pid).expect("the process is running and has a line `Pss:` in smaps_rollup")
}

/// Returns the proportional set size in bytes, or `None` if the process has ended.
pub fn pss_if_it_runs(pid: u32) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_total_is_read() {
        let text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  9000 kB\nPss_Anon: 7 kB\nPss:     4321 kB\n";
        assert_eq!(super::parse(text), Some(4321 * 1024));
        assert_eq!(super::parse("Rss: 1 kB\n"), None);
        assert_eq!(super::parse("Rss: 9 kB\nPss_Anon: 1 kB\nPss:     7 kB\n"), Some(7 * 1024));
        assert_eq!(super::parse("Rss: 9 kB\n"), None);
    }
}
