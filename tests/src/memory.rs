//! What a process takes: its proportional set size, which counts a shared page once however many share it.

/// The proportional set size in bytes.
pub fn pss(pid: u32) -> u64 {
    pss_if_it_runs(pid).expect("the process runs, and has a line `Pss:` in smaps_rollup")
}

/// The same; none of a process that has ended.
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
    fn the_sum_is_read_and_not_its_parts() {
        let text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  9000 kB\nPss_Anon: 7 kB\nPss:     4321 kB\n";
        assert_eq!(super::parse(text), Some(4321 * 1024));
        assert_eq!(super::parse("Rss: 1 kB\n"), None);
        assert_eq!(super::parse("Rss: 9 kB\nPss_Anon: 1 kB\nPss:     7 kB\n"), Some(7 * 1024));
        assert_eq!(super::parse("Rss: 9 kB\n"), None);
    }
}
