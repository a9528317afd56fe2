//! An open-loop schedule: each event is due at a fixed time, whether or not earlier events were in
//! time. A stalling system is charged for everything that was due meanwhile.

use std::time::Duration;

use crate::mark::now;

/// The schedule of events at a fixed rate.
#[derive(Debug)]
pub struct Pace {
    nanos: Option<u64>,
    begun: u64,
    sent: u64,
}

impl Pace {
    /// Creates a schedule with this rate a second; without a rate, events are due at once.
    pub fn new(rate: Option<u32>) -> Self {
        Self { nanos: rate.map(|rate| 1_000_000_000 / u64::from(rate.max(1))), begun: now(), sent: 0 }
    }

    /// Returns when the next event is due, if there is a rate.
    pub fn due(&self) -> Option<u64> {
        self.nanos.map(|nanos| self.begun + self.sent * nanos)
    }

    /// Counts an event as sent.
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    /// Waits until the next event is due, counts it as sent, and returns when it was due.
    pub fn wait(&mut self) -> Option<u64> {
        let due = self.due();
        if let Some(wait) = due.and_then(|due| due.checked_sub(now())) {
            std::thread::sleep(Duration::from_nanos(wait));
        }
        self.sent();
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_does_not_move_when_an_event_is_late() {
        let mut pace = Pace::new(Some(1000));
        let first = pace.wait().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(pace.wait().unwrap() - first, 1_000_000);
        assert_eq!(pace.wait().unwrap() - first, 2_000_000);
        assert_eq!(Pace::new(None).wait(), None);
    }
}
