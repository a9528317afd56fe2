//! The account of every event: what each client got, held against what was sent to it.

use serde::{Deserialize, Serialize};

/// How many numbers that were left out are remembered by one client; a stream so broken needs no more detail.
const MAX_GAPS: usize = 10_000;

/// What one client got of one stream of numbers: its own events, or those for all.
#[derive(Debug, Clone, Default)]
pub struct SequenceTracker {
    next: u32,
    gaps: Vec<u32>,
    received: u64,
    repeated: u64,
    disordered: u64,
}

impl SequenceTracker {
    /// Writes down an event by its number.
    pub fn record(&mut self, number: u32) {
        self.received += 1;
        if number == self.next {
            self.next += 1;
        } else if number > self.next {
            let room = MAX_GAPS.saturating_sub(self.gaps.len());
            self.gaps.extend((self.next..number).take(room));
            self.next = number + 1;
        } else if let Some(at) = self.gaps.iter().position(|gap| *gap == number) {
            // It came after one that was sent behind it.
            self.gaps.swap_remove(at);
            self.disordered += 1;
        } else {
            self.repeated += 1;
        }
    }

    /// Adds this client's part to the account: so many were sent to it.
    pub fn finish(&self, sent: u32, account: &mut DeliveryCounts) {
        let own = self.received - self.repeated;
        account.sent += u64::from(sent);
        account.received += self.received;
        account.repeated += self.repeated;
        account.disordered += self.disordered;
        account.missing += u64::from(sent).saturating_sub(own);
        // Numbers that nobody sent.
        account.foreign += u64::from(self.next.saturating_sub(sent));
    }
}

/// What became of all events of a phase, over all clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryCounts {
    /// Deliveries that had to be made.
    pub sent: u64,
    /// Deliveries that were made.
    pub received: u64,
    /// Never came.
    pub missing: u64,
    /// Came once more.
    pub repeated: u64,
    /// Came after one that was sent behind them.
    pub disordered: u64,
    /// Came to somebody else, or were never sent.
    pub foreign: u64,
    /// Came when another phase was on.
    pub late: u64,
    /// Connections that ended by themselves.
    pub lost: u64,
}

impl DeliveryCounts {
    /// Together with another part.
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

    /// Did every event come once, in order, to whom it was for?
    pub fn is_exact(&self) -> bool {
        let Self { missing, repeated, disordered, foreign, late, lost, .. } = self;
        missing + repeated + disordered + foreign + late + lost == 0 && self.sent == self.received
    }

    /// What is wrong, in words; empty if nothing is.
    pub fn problems(&self) -> String {
        let Self { missing, repeated, disordered, foreign, late, lost, .. } = *self;
        let named = [
            ("missing", missing),
            ("repeated", repeated),
            ("out of order", disordered),
            ("not theirs", foreign),
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
    fn a_whole_record_passes() {
        let whole = account(&[0, 1, 2, 3], 4);
        assert!(whole.is_exact(), "{whole:?}");
        assert_eq!(whole.problems(), "");
        assert!(account(&[], 0).is_exact());
    }

    #[test]
    fn a_dropped_event_is_missed_wherever_it_stood() {
        for got in [[1, 2, 3], [0, 2, 3], [0, 1, 2]] {
            let account = account(&got, 4);
            assert_eq!((account.missing, account.is_exact()), (1, false), "{got:?}");
            assert_eq!(account.problems(), "1 missing");
        }
        assert_eq!(account(&[], 4).missing, 4);
    }

    #[test]
    fn a_repeated_event_is_seen_and_hides_no_gap() {
        assert_eq!(account(&[0, 1, 1, 2], 3), DeliveryCounts { sent: 3, received: 4, repeated: 1, ..DeliveryCounts::default() });
        let hidden = account(&[0, 0, 2], 3);
        assert_eq!((hidden.received, hidden.repeated, hidden.missing), (3, 1, 1));
        assert!(!hidden.is_exact());
    }

    #[test]
    fn an_event_out_of_order_is_seen() {
        let swapped = account(&[0, 2, 1, 3], 4);
        assert_eq!((swapped.disordered, swapped.missing, swapped.repeated), (1, 0, 0));
        assert_eq!(swapped.problems(), "1 out of order");
        assert_eq!(account(&[3, 2, 1, 0], 4).disordered, 3);
    }

    #[test]
    fn what_nobody_sent_and_whatever_happened_elsewhere_is_objected_to() {
        assert_eq!(account(&[0, 1, 2], 2).foreign, 1);
        for part in [
            DeliveryCounts { foreign: 1, ..DeliveryCounts::default() },
            DeliveryCounts { late: 1, ..DeliveryCounts::default() },
            DeliveryCounts { lost: 1, ..DeliveryCounts::default() },
        ] {
            let mut whole = account(&[0], 1);
            whole.add(&part);
            assert!(!whole.is_exact() && !whole.problems().is_empty());
        }
    }
}
