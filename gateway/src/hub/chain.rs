//! A log's chain: each announcement names its predecessor, so a node knows when it missed one.

use wirebell_protocol::Cursor;
use wirebell_protocol::announcement::LogPosition;

/// Position of this node in a channel's log. A user with one connection needs three of them, so the
/// fields are laid out by hand instead of as two enums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chain {
    last: Cursor,
    newest: Cursor,
    is_confirmed: bool,
    is_reading: bool,
    read_again: bool,
}

/// Whether announcements are held back, because the log is being read or the subscription is not
/// confirmed yet. The cursor is the newest event announced since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Not held back.
    No,
    /// Held back.
    Once(Cursor),
    /// Held back, and events may have been missed since the read began: the log must be read again.
    Again(Cursor),
}

/// What to do with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Deliver it.
    Deliver,
    /// Skip it: it was delivered before.
    Repeat,
    /// Its predecessor is missing: read the log after this cursor. The log has the announcement
    /// too.
    Broken(Cursor),
    /// Skip it: the log is being read and has it.
    Held,
}

/// How an event of the log continues the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// It was delivered before.
    Repeat,
    /// It is the next event.
    Next,
    /// It is new, but the log has lost the events between this cursor and it.
    Gap(Cursor),
}

/// What remains to be read after a chunk of the log was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remaining {
    /// Nothing: the chain is complete.
    Nothing,
    /// The log after this cursor.
    Read(Cursor),
}

impl Chain {
    /// Returns the last delivered event. `None` while the subscription is not confirmed.
    fn delivered_to(&self) -> Option<Cursor> {
        self.is_confirmed.then_some(self.last)
    }

    fn set_delivered(&mut self, last: Cursor) {
        (self.last, self.is_confirmed) = (last, true);
    }

    fn reading(&self) -> Reading {
        match (self.is_reading, self.read_again) {
            (false, _) => Reading::No,
            (true, false) => Reading::Once(self.newest),
            (true, true) => Reading::Again(self.newest),
        }
    }

    fn set_reading(&mut self, reading: Reading) {
        (self.is_reading, self.read_again, self.newest) = match reading {
            Reading::No => (false, false, Cursor::START),
            Reading::Once(newest) => (true, false, newest),
            Reading::Again(newest) => (true, true, newest),
        };
    }

    /// Confirms the subscription; `end` is the end of the log. If a newer event was announced in
    /// the meantime, or may have been missed, the log must be read after `end`.
    pub(super) fn confirm(&mut self, end: Cursor) -> Remaining {
        if self.is_confirmed {
            return Remaining::Nothing;
        }
        self.set_delivered(end);
        self.set_reading(match self.reading() {
            Reading::Again(newest) => Reading::Once(newest.max(end)),
            Reading::Once(newest) if newest > end => Reading::Once(newest),
            _ => Reading::No,
        });
        if self.is_reading { Remaining::Read(end) } else { Remaining::Nothing }
    }

    /// Returns the last delivered event, or the start.
    pub(super) fn last(&self) -> Cursor {
        self.delivered_to().unwrap_or_default()
    }

    /// Decides what to do with an announcement.
    pub(super) fn judge(&mut self, position: LogPosition) -> Verdict {
        if self.delivered_to() == Some(position.previous) && !self.is_reading {
            self.set_delivered(position.cursor);
            return Verdict::Deliver;
        }
        self.miss(position)
    }

    /// Records an announcement that is not delivered now, because of a break or for lack of room.
    pub(super) fn miss(&mut self, position: LogPosition) -> Verdict {
        if self.delivered_to().is_some_and(|last| position.cursor <= last) {
            return Verdict::Repeat;
        }
        let newest = |known: Cursor| known.max(position.cursor);
        match (self.reading(), self.delivered_to()) {
            (Reading::No, Some(last)) => {
                self.set_reading(Reading::Once(position.cursor));
                return Verdict::Broken(last);
            }
            (Reading::No, None) => self.set_reading(Reading::Once(position.cursor)),
            (Reading::Once(known), _) => self.set_reading(Reading::Once(newest(known))),
            (Reading::Again(known), _) => self.set_reading(Reading::Again(newest(known))),
        }
        Verdict::Held
    }

    /// Records that events may have been missed although no announcement shows it. Returns where to
    /// start reading. If a read is in progress, it may have begun too early: the log is read again.
    pub(super) fn suspect(&mut self) -> Option<Cursor> {
        match (self.reading(), self.delivered_to()) {
            (Reading::No, Some(last)) => {
                self.set_reading(Reading::Once(last));
                return Some(last);
            }
            (Reading::No, None) => self.set_reading(Reading::Again(Cursor::START)),
            (Reading::Once(newest) | Reading::Again(newest), _) => self.set_reading(Reading::Again(newest)),
        }
        None
    }

    /// Moves the chain to an event of the log. The event must be delivered if it is new.
    pub(super) fn advance(&mut self, position: LogPosition) -> Advance {
        // Without a position, the log was read for a subscription that has ended since.
        let Some(last) = self.delivered_to().filter(|last| position.cursor > *last) else { return Advance::Repeat };
        self.set_delivered(position.cursor);
        if position.previous == last { Advance::Next } else { Advance::Gap(last) }
    }

    /// Records that a chunk of the log was delivered. `complete`: the chunk reached the end of the
    /// log.
    pub(super) fn chunk_applied(&mut self, complete: bool) -> Remaining {
        let Some(last) = self.delivered_to() else { return Remaining::Nothing };
        match self.reading() {
            Reading::No => return Remaining::Nothing,
            Reading::Once(_) | Reading::Again(_) if !complete => {}
            // Events announced or missed during the read may be newer than the read. One more read
            // is enough: an event that is missing then is not in the log.
            Reading::Again(_) => self.set_reading(Reading::Once(last)),
            Reading::Once(newest) if newest > last => self.set_reading(Reading::Once(last)),
            Reading::Once(_) => {
                self.set_reading(Reading::No);
                return Remaining::Nothing;
            }
        }
        Remaining::Read(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn position(previous: u64, cursor: u64) -> LogPosition {
        LogPosition { cursor: at(cursor), previous: at(previous) }
    }

    fn chain(last: u64) -> Chain {
        let mut chain = Chain::default();
        chain.confirm(at(last));
        chain
    }

    #[test]
    fn unbroken_chain_is_delivered_once() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(position(1, 2)), Verdict::Deliver);
        assert_eq!(chain.judge(position(2, 3)), Verdict::Deliver);
        assert_eq!(chain.judge(position(2, 3)), Verdict::Repeat);
        assert_eq!(chain.judge(position(0, 1)), Verdict::Repeat);
    }

    #[test]
    fn break_is_repaired_and_announcements_are_held_meanwhile() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(position(2, 3)), Verdict::Broken(at(1)));
        assert_eq!(chain.judge(position(3, 4)), Verdict::Held);
        assert_eq!([chain.advance(position(1, 2)), chain.advance(position(2, 3))], [Advance::Next; 2]);
        assert_eq!(chain.chunk_applied(true), Remaining::Read(at(3)));
        assert_eq!(chain.advance(position(3, 4)), Advance::Next);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
        assert_eq!(chain.judge(position(4, 5)), Verdict::Deliver);
    }

    #[test]
    fn lost_event_does_not_block_the_channel() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(position(2, 3)), Verdict::Broken(at(1)));
        assert_eq!(chain.chunk_applied(true), Remaining::Read(at(1)));
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
    }

    #[test]
    fn lost_events_show_as_a_gap_before_the_next_event() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(position(3, 4)), Verdict::Broken(at(1)));
        assert_eq!(chain.advance(position(3, 4)), Advance::Gap(at(1)));
        assert_eq!(chain.advance(position(3, 4)), Advance::Repeat);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
    }

    #[test]
    fn long_log_is_read_in_chunks() {
        let mut chain = chain(1);
        assert_eq!(chain.suspect(), Some(at(1)));
        assert_eq!(chain.advance(position(1, 2)), Advance::Next);
        assert_eq!(chain.chunk_applied(false), Remaining::Read(at(2)));
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
    }

    #[test]
    fn suspecting_during_a_read_causes_exactly_one_more_read() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(position(2, 3)), Verdict::Broken(at(1)));
        assert_eq!([chain.suspect(), chain.suspect()], [None, None], "it is being read already");
        assert_eq!([chain.advance(position(1, 2)), chain.advance(position(2, 3))], [Advance::Next; 2]);
        // The read had all announced events. Events missed since it began may be in the log by now.
        assert_eq!(chain.chunk_applied(true), Remaining::Read(at(3)));
        assert_eq!(chain.advance(position(3, 4)), Advance::Next);
        assert_eq!(chain.chunk_applied(false), Remaining::Read(at(4)), "the second reading is a full one");
        assert_eq!(chain.advance(position(4, 5)), Advance::Next);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
        assert_eq!(chain.judge(position(5, 6)), Verdict::Deliver);

        // Reading ends even if the log never shows a newer event.
        assert_eq!([chain.suspect(), chain.suspect()], [Some(at(6)), None]);
        assert_eq!(
            [chain.chunk_applied(true), chain.chunk_applied(true)],
            [Remaining::Read(at(6)), Remaining::Nothing]
        );
    }

    #[test]
    fn suspecting_before_confirmation_reads_after_the_end() {
        let mut chain = Chain::default();
        assert_eq!(chain.suspect(), None);
        assert_eq!(chain.confirm(at(4)), Remaining::Read(at(4)));
        assert_eq!(chain.advance(position(4, 5)), Advance::Next);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
    }

    #[test]
    fn chunk_of_an_ended_subscription_does_not_affect_the_next_one() {
        let mut chain = Chain::default();
        assert_eq!(chain.advance(position(3, 4)), Advance::Repeat);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
        assert_eq!(chain.confirm(at(4)), Remaining::Nothing);
    }

    #[test]
    fn event_without_room_is_read_from_the_log() {
        let mut chain = chain(1);
        assert_eq!(chain.miss(position(1, 2)), Verdict::Broken(at(1)));
        assert_eq!(chain.judge(position(2, 3)), Verdict::Held);
        assert_eq!([chain.advance(position(1, 2)), chain.advance(position(2, 3))], [Advance::Next; 2]);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);
    }

    #[test]
    fn event_announced_before_confirmation_is_read_if_it_is_newer() {
        let mut chain = Chain::default();
        assert_eq!(chain.judge(position(4, 5)), Verdict::Held);
        assert_eq!(chain.confirm(at(4)), Remaining::Read(at(4)));
        assert_eq!(chain.advance(position(4, 5)), Advance::Next);
        assert_eq!(chain.chunk_applied(true), Remaining::Nothing);

        let mut chain = Chain::default();
        assert_eq!(chain.judge(position(4, 5)), Verdict::Held);
        assert_eq!(chain.confirm(at(5)), Remaining::Nothing);
        assert_eq!(chain.judge(position(5, 6)), Verdict::Deliver);
    }
}
