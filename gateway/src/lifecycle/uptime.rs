//! The process' own clock: milliseconds that only go forward, in eight bytes where an `Instant` takes sixteen. And the
//! wall clock, for what others have dated.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static BIRTH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the clock was first asked.
pub fn uptime_millis() -> u64 {
    millis(BIRTH.elapsed())
}

/// The instant at which the clock shows so many milliseconds.
pub fn instant_at(uptime: u64) -> Instant {
    *BIRTH + Duration::from_millis(uptime)
}

/// The next turn of something that is done at least so often: the next whole multiple of that on the process' clock. What
/// is done at the same moments shares them: on a node at rest it is waking up that costs, and what is asked of Redis together
/// shares its way there and back. So times are 250 milliseconds, or that doubled again and again.
pub fn next_turn(every: Duration) -> tokio::time::Instant {
    let every = millis(every).max(1);
    tokio::time::Instant::from_std(instant_at((uptime_millis() + 1).next_multiple_of(every)))
}

/// The wall clock: how long the Unix epoch is ago. It may go back.
pub fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_comes_within_its_time_and_shares_its_moment() {
        let every = Duration::from_millis(250);
        let before = Instant::now();
        let turn = next_turn(every).into_std();
        let within = turn - before;
        // The clock may have moved on by a little since.
        assert!(turn >= before && within <= every + before.elapsed(), "in {within:?}");
        assert_eq!((turn - *BIRTH).as_millis() % 250, 0);
    }
}
