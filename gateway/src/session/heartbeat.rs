//! The heartbeat: when a client is pinged, and when its silence means that it is gone. Times are in milliseconds by
//! a clock of the caller's.

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
        Self { due: now + share(period, chance).max(1), unanswered: false }
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
        self.due = now + period - period / 10 + share(period / 5, chance);
        Beat::Ping
    }
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
}
