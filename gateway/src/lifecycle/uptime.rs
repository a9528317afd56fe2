//! The process' own clock: milliseconds that only go forward, in eight bytes where an `Instant` takes sixteen.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static BIRTH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the clock was first asked.
pub fn uptime_millis() -> u64 {
    millis(BIRTH.elapsed())
}

/// The instant at which the clock shows so many milliseconds.
pub fn instant_at(uptime: u64) -> Instant {
    *BIRTH + Duration::from_millis(uptime)
}

/// A duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
