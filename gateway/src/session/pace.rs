//! How fast a client may emit: so many events at once, and so many a second from then on. One number is enough: when the
//! next event would be due if they came evenly. Times are in microseconds by a clock of the caller's.

/// One session's pace.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace(u64);

const SECOND: u64 = 1_000_000;

impl Pace {
    /// May one more come now? If so, it is counted.
    pub(super) fn take(&mut self, now: u64, a_second: u64, at_once: u64) -> bool {
        let interval = SECOND / a_second.clamp(1, SECOND);
        let due = self.0.max(now);
        if due - now > interval.saturating_mul(at_once.saturating_sub(1)) {
            return false;
        }
        self.0 = due + interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut pace = Pace::default();
        let many = |pace: &mut Pace, now| (0..100).filter(|_| pace.take(now, 10, 5)).count();
        assert_eq!(many(&mut pace, 7 * SECOND), 5);
        assert_eq!(many(&mut pace, 7 * SECOND + 99_999), 0);
        assert_eq!(many(&mut pace, 7 * SECOND + 100_000), 1);
        assert_eq!(many(&mut pace, 8 * SECOND + 100_000), 5, "more than the burst is never saved up");
        let steady = (0..1_000).filter(|tenth| pace.take(60 * SECOND + tenth * 10_000, 10, 5)).count();
        assert_eq!(steady, 104, "five at once, and ten a second over the rest of ten seconds");
    }
}
