//! Limits how fast a client emits: a burst, then a steady rate. One number is enough: the time at
//! which the next event would be due if events came evenly (GCRA). Times are microseconds of the
//! caller's clock.

/// The rate limiter of one session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RateLimiter(u64);

const SECOND: u64 = 1_000_000;

impl RateLimiter {
    /// Returns whether one more event is allowed at `now`, and counts it if so.
    pub(super) fn try_acquire(&mut self, now: u64, per_second: u64, burst: u64) -> bool {
        let interval = SECOND / per_second.clamp(1, SECOND);
        let due = self.0.max(now);
        if due - now > interval.saturating_mul(burst.saturating_sub(1)) {
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
    fn burst_is_allowed_then_only_the_rate() {
        let mut rate_limiter = RateLimiter::default();
        let acquired =
            |rate_limiter: &mut RateLimiter, now| (0..100).filter(|_| rate_limiter.try_acquire(now, 10, 5)).count();
        assert_eq!(acquired(&mut rate_limiter, 7 * SECOND), 5);
        assert_eq!(acquired(&mut rate_limiter, 7 * SECOND + 99_999), 0);
        assert_eq!(acquired(&mut rate_limiter, 7 * SECOND + 100_000), 1);
        assert_eq!(acquired(&mut rate_limiter, 8 * SECOND + 100_000), 5, "unused rate does not enlarge the burst");
        let steady =
            (0..1_000).filter(|tenth| rate_limiter.try_acquire(60 * SECOND + tenth * 10_000, 10, 5)).count();
        assert_eq!(steady, 104, "a burst of five, and ten a second over the rest of ten seconds");
    }
}
