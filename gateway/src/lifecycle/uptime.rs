//! The process' clock: monotonic milliseconds in eight bytes, where an `Instant` takes sixteen. And
//! the wall clock, for times that other processes have set.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the milliseconds since this clock was first read.
pub fn uptime_millis() -> u64 {
    millis(START.elapsed())
}

/// Returns the instant at which this clock shows `uptime`.
pub fn instant_at(uptime: u64) -> Instant {
    *START + Duration::from_millis(uptime)
}

/// Returns the next tick of a periodic task: the next whole multiple of `every` on the process'
/// clock.
///
/// Tasks with the same ticks wake up together. On an idle node the wake-ups are the cost, and
/// requests to Redis at the same tick share a round trip. So periods are 250 ms times a power of
/// two.
pub fn next_tick(every: Duration) -> tokio::time::Instant {
    let every = millis(every).max(1);
    tokio::time::Instant::from_std(instant_at((uptime_millis() + 1).next_multiple_of(every)))
}

/// Returns the wall clock time since the Unix epoch. It may go backward.
pub fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns a duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_tick_is_a_multiple_within_one_period() {
        let every = Duration::from_millis(250);
        let before = Instant::now();
        let tick = next_tick(every).into_std();
        let within = tick - before;
        // The clock may have advanced a little since.
        assert!(tick >= before && within <= every + before.elapsed(), "in {within:?}");
        assert_eq!((tick - *START).as_millis() % 250, 0);
    }
}
