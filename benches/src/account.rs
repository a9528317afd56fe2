//! Counts deliveries: what each client received, compared with what was sent to it.

use serde::{Deserialize, Serialize};

/// Most missing numbers that one client remembers. A stream with more gaps needs no more detail.
const MAX_GAPS: usize = 10_000;

/// Tracks one client's stream of numbers: its own events, or the broadcasts.
#[derive(Debug, Clone, Default)]
pub struct SequenceTracker {
    next: u32,
    gaps: Vec<u32>,
    received: u64,
    repeated: u64,
    disordered: u64,
}

impl SequenceTracker {
    /// Records an event by its number.
    pub fn record(&mut self, number: u32) {
        self.received += 1;
        if number == self.next {
            self.next += 1;
        } else if number > self.next {
            let room = MAX_GAPS.saturating_sub(self.gaps.len());
            self.gaps.extend((self.next..number).take(room));
            self.next = number + 1;
        } else if let Some(at) = self.gaps.iter().position(|gap| *gap == number) {
            // The event arrived after a later one.
            self.gaps.swap_remove(at);
            self.disordered += 1;
        } else {
            self.repeated += 1;
        }
    }

    /// Adds this client's results to the counts. `sent` is the number of events sent to it.
    pub fn finish(&self, sent: u32, account: &mut DeliveryCounts) {
        let own = self.received - self.repeated;
        account.sent += u64::from(sent);
        account.received += self.received;
        account.repeated += self.repeated;
        account.disordered += self.disordered;
        account.missing += u64::from(sent).saturating_sub(own);
        // Numbers that were never sent.
        account.foreign += u64::from(self.next.saturating_sub(sent));
    }
}

/// Counts the deliveries of a phase over all clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryCounts {
    /// Expected deliveries.
    pub sent: u64,
    /// Actual deliveries.
    pub received: u64,
    /// Deliveries that did not happen.
    pub missing: u64,
    /// Repeated deliveries.
    pub repeated: u64,
    /// Deliveries after one that was sent later.
    pub disordered: u64,
    /// Deliveries to the wrong client, or of events that were never sent.
    pub foreign: u64,
    /// Deliveries during another phase.
    pub late: u64,
    /// Connections that ended unexpectedly.
    pub lost: u64,
}

impl DeliveryCounts {
    /// Adds the counts of another part.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.missing += other.missing;
        self.repeated += other.repeated;
        self.disordered += other.disordered;
        self.foreign += other.foreign;
        self.late += other.late;
        self.lost += other.lost;
    }

    /// Returns whether every event was delivered once, in order, to the right client.
    pub fn is_exact(&self) -> bool {
        let Self { missing, repeated, disordered, foreign, late, lost, .. } = self;
        missing + repeated + disordered + foreign + late + lost == 0 && self.sent == self.received
    }

    /// Describes what is wrong; empty if nothing is.
    pub fn problems(&self) -> String {
        let Self { missing, repeated, disordered, foreign, late, lost, .. } = *self;
        let named = [
            ("missing", missing),
            ("repeated", repeated),
            ("out of order", disordered),
            ("to the wrong client", foreign),
            ("late", late),
            ("connections lost", lost),
        ];
        let parts = named.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(got: &[u32], sent: u32) -> DeliveryCounts {
        let mut tracker = SequenceTracker::default();
        for number in got {
            tracker.record(*number);
        }
        let mut account = DeliveryCounts::default();
        tracker.finish(sent, &mut account);
        account
    }

    #[test]
    fn complete_stream_is_exact() {
        let complete = account(&[0, 1, 2, 3], 4);
        assert!(complete.is_exact(), "{complete:?}");
        assert_eq!(complete.problems(), "");
        assert!(account(&[], 0).is_exact());
    }

    #[test]
    fn dropped_event_is_missing_at_every_position() {
        for got in [[1, 2, 3], [0, 2, 3], [0, 1, 2]] {
            let account = account(&got, 4);
            assert_eq!((account.missing, account.is_exact()), (1, false), "{got:?}");
            assert_eq!(account.problems(), "1 missing");
        }
        assert_eq!(account(&[], 4).missing, 4);
    }

    #[test]
    fn repeated_event_is_counted_and_hides_no_gap() {
        assert_eq!(
            account(&[0, 1, 1, 2], 3),
            DeliveryCounts { sent: 3, received: 4, repeated: 1, ..DeliveryCounts::default() }
        );
        let hidden = account(&[0, 0, 2], 3);
        assert_eq!((hidden.received, hidden.repeated, hidden.missing), (3, 1, 1));
        assert!(!hidden.is_exact());
    }

    #[test]
    fn event_out_of_order_is_counted() {
        let swapped = account(&[0, 2, 1, 3], 4);
        assert_eq!((swapped.disordered, swapped.missing, swapped.repeated), (1, 0, 0));
        assert_eq!(swapped.problems(), "1 out of order");
        assert_eq!(account(&[3, 2, 1, 0], 4).disordered, 3);
    }

    #[test]
    fn foreign_late_and_lost_events_are_problems() {
        assert_eq!(account(&[0, 1, 2], 2).foreign, 1);
        for part in [
            DeliveryCounts { foreign: 1, ..DeliveryCounts::default() },
            DeliveryCounts { late: 1, ..DeliveryCounts::default() },
            DeliveryCounts { lost: 1, ..DeliveryCounts::default() },
        ] {
            let mut complete = account(&[0], 1);
            complete.add(&part);
            assert!(!complete.is_exact() && !complete.problems().is_empty());
        }
    }
}
