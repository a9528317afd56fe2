//! The heartbeat: when a client is pinged, and when its silence means that it is gone. Times are in milliseconds by
//! a clock of the caller's.
//!
//! Pings fall on the beats of a clock that all sessions share, some dozen of them together: a node that is woken up
//! for each ping, and again for each pong, spends more on waking up than on either.

/// One session's heartbeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    due: u64,
    /// A ping was sent, and nothing has been heard since.
    unanswered: bool,
}

/// What has to be done when the heartbeat is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// Ask the client for a sign of life.
    Ping,
    /// It gave none since the last time it was asked.
    Dead,
}

impl Heartbeat {
    /// The first ping comes at any time within the first period, so that clients who came together are not pinged
    /// together. `chance` is anything from 0 to 1.
    pub(super) fn new(now: u64, period: u64, chance: f64) -> Self {
        Self { due: on_the_beat(now + share(period, chance).max(1), period), unanswered: false }
    }

    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Something came from the client, whatever it was.
    pub(super) fn heard(&mut self) {
        self.unanswered = false;
    }

    /// The time has come. The next one is a period away, give or take a tenth.
    pub(super) fn beat(&mut self, now: u64, period: u64, chance: f64) -> Beat {
        if self.unanswered {
            return Beat::Dead;
        }
        self.unanswered = true;
        self.due = on_the_beat(now + period - period / 10 + share(period / 5, chance), period);
        Beat::Ping
    }
}

/// Beats in a period.
const BEATS: u64 = 250;

/// The next beat, at that time or behind it.
fn on_the_beat(time: u64, period: u64) -> u64 {
    time.next_multiple_of((period / BEATS).max(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "milliseconds of jitter"
)]
fn share(period: u64, chance: f64) -> u64 {
    (period as f64 * chance) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_over_one_ping_is_death() {
        let mut heartbeat = Heartbeat::new(0, 1000, 0.5);
        assert_eq!(heartbeat.due(), 500);
        assert_eq!(heartbeat.beat(500, 1000, 0.0), Beat::Ping);
        assert_eq!(heartbeat.due(), 1400);
        heartbeat.heard();
        assert_eq!(heartbeat.beat(1400, 1000, 1.0), Beat::Ping);
        assert_eq!(heartbeat.due(), 1400 + 1100);
        assert_eq!(heartbeat.beat(2500, 1000, 0.0), Beat::Dead);
    }

    #[test]
    fn sessions_that_are_due_at_about_the_same_time_are_due_together() {
        // A beat is 100 ms of 25 s.
        let due = |chance| Heartbeat::new(7, 25_000, chance).due();
        assert_eq!([due(0.0), due(0.0035), due(0.004)], [100, 100, 200]);
    }
}
