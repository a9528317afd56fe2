//! A channel's chain: each announcement names its predecessor, so a node knows when it has missed one.

use wirebell_protocol::Cursor;
use wirebell_protocol::announcement::Place;

/// How far this node has come in a channel's log. There are three for a user with one connection, so that what could be
/// two enums is laid out by hand, and read as them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chain {
    last: Cursor,
    newest: Cursor,
    is_confirmed: bool,
    is_read: bool,
    once_more: bool,
}

/// Whether announcements are held back, since the log is read or the subscription is not confirmed yet. The cursor is
/// the newest event that was announced meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// They are not.
    No,
    /// They are.
    Once(Cursor),
    /// They are; and something may have been missed since the reading began, so that it has to be done once more.
    Again(Cursor),
}

/// What to do with an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Hand it on.
    Deliver,
    /// It was handed on before.
    Repeat,
    /// Something before it is missing: read the log behind this cursor. The announcement is in there too.
    Broken(Cursor),
    /// The log is being read already and will bring it.
    Held,
}

/// What an event of the log is to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// It was handed on before.
    Repeat,
    /// The next one.
    Next,
    /// New; but what came between this cursor and the event is no longer in the log.
    Gap(Cursor),
}

/// What is left to do after a piece of log was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: the chain is whole.
    Nothing,
    /// Read on behind this cursor.
    Read(Cursor),
}

impl Chain {
    /// The last event handed on; none while the subscription is not confirmed.
    fn handed_on(&self) -> Option<Cursor> {
        self.is_confirmed.then_some(self.last)
    }

    fn hand_on(&mut self, last: Cursor) {
        (self.last, self.is_confirmed) = (last, true);
    }

    fn reading(&self) -> Reading {
        match (self.is_read, self.once_more) {
            (false, _) => Reading::No,
            (true, false) => Reading::Once(self.newest),
            (true, true) => Reading::Again(self.newest),
        }
    }

    fn set_reading(&mut self, reading: Reading) {
        (self.is_read, self.once_more, self.newest) = match reading {
            Reading::No => (false, false, Cursor::START),
            Reading::Once(newest) => (true, false, newest),
            Reading::Again(newest) => (true, true, newest),
        };
    }

    /// The subscription stands, and this is the log's end. What was announced in between was held back, and has to be
    /// read if it is younger; so has the log if something may have been missed in between.
    pub(super) fn confirm(&mut self, end: Cursor) -> Left {
        if self.is_confirmed {
            return Left::Nothing;
        }
        self.hand_on(end);
        self.set_reading(match self.reading() {
            Reading::Again(newest) => Reading::Once(newest.max(end)),
            Reading::Once(newest) if newest > end => Reading::Once(newest),
            _ => Reading::No,
        });
        if self.is_read { Left::Read(end) } else { Left::Nothing }
    }

    /// How far it has come.
    pub(super) fn last(&self) -> Cursor {
        self.handed_on().unwrap_or_default()
    }

    /// Judges an announcement.
    pub(super) fn judge(&mut self, place: Place) -> Verdict {
        if self.handed_on() == Some(place.previous) && !self.is_read {
            self.hand_on(place.cursor);
            return Verdict::Deliver;
        }
        self.miss(place)
    }

    /// Takes note of an announcement that is not handed on now, because of a break or for want of room.
    pub(super) fn miss(&mut self, place: Place) -> Verdict {
        if self.handed_on().is_some_and(|last| place.cursor <= last) {
            return Verdict::Repeat;
        }
        let newest = |known: Cursor| known.max(place.cursor);
        match (self.reading(), self.handed_on()) {
            (Reading::No, Some(last)) => {
                self.set_reading(Reading::Once(place.cursor));
                return Verdict::Broken(last);
            }
            (Reading::No, None) => self.set_reading(Reading::Once(place.cursor)),
            (Reading::Once(known), _) => self.set_reading(Reading::Once(newest(known))),
            (Reading::Again(known), _) => self.set_reading(Reading::Again(newest(known))),
        }
        Verdict::Held
    }

    /// Something may have been missed, though no announcement betrays it: answers where to begin reading. While the log
    /// is read already, that reading may have begun too early, and one more is noted.
    pub(super) fn suspect(&mut self) -> Option<Cursor> {
        match (self.reading(), self.handed_on()) {
            (Reading::No, Some(last)) => {
                self.set_reading(Reading::Once(last));
                return Some(last);
            }
            (Reading::No, None) => self.set_reading(Reading::Again(Cursor::START)),
            (Reading::Once(newest) | Reading::Again(newest), _) => self.set_reading(Reading::Again(newest)),
        }
        None
    }

    /// Judges an event of the log. If it is new, it is handed on.
    pub(super) fn advance(&mut self, place: Place) -> Advance {
        // Without a position it was read for a subscription that has ended meanwhile.
        let Some(last) = self.handed_on().filter(|last| place.cursor > *last) else { return Advance::Repeat };
        self.hand_on(place.cursor);
        if place.previous == last { Advance::Next } else { Advance::Gap(last) }
    }

    /// A piece of log was handed on. `complete` says that it reached the log's end.
    pub(super) fn repaired(&mut self, complete: bool) -> Left {
        let Some(last) = self.handed_on() else { return Left::Nothing };
        match self.reading() {
            Reading::No => return Left::Nothing,
            Reading::Once(_) | Reading::Again(_) if !complete => {}
            // What was announced or missed while the log was read may be younger than the reading. One more suffices:
            // if the log does not have it then, there is nothing to wait for.
            Reading::Again(_) => self.set_reading(Reading::Once(last)),
            Reading::Once(newest) if newest > last => self.set_reading(Reading::Once(last)),
            Reading::Once(_) => {
                self.set_reading(Reading::No);
                return Left::Nothing;
            }
        }
        Left::Read(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    fn place(previous: u64, cursor: u64) -> Place {
        Place { cursor: at(cursor), previous: at(previous) }
    }

    fn chain(last: u64) -> Chain {
        let mut chain = Chain::default();
        chain.confirm(at(last));
        chain
    }

    #[test]
    fn an_unbroken_chain_is_delivered_once() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(place(1, 2)), Verdict::Deliver);
        assert_eq!(chain.judge(place(2, 3)), Verdict::Deliver);
        assert_eq!(chain.judge(place(2, 3)), Verdict::Repeat);
        assert_eq!(chain.judge(place(0, 1)), Verdict::Repeat);
    }

    #[test]
    fn a_break_is_repaired_and_what_comes_meanwhile_is_held() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(place(2, 3)), Verdict::Broken(at(1)));
        assert_eq!(chain.judge(place(3, 4)), Verdict::Held);
        assert_eq!([chain.advance(place(1, 2)), chain.advance(place(2, 3))], [Advance::Next; 2]);
        assert_eq!(chain.repaired(true), Left::Read(at(3)));
        assert_eq!(chain.advance(place(3, 4)), Advance::Next);
        assert_eq!(chain.repaired(true), Left::Nothing);
        assert_eq!(chain.judge(place(4, 5)), Verdict::Deliver);
    }

    #[test]
    fn a_log_that_lost_the_event_does_not_hold_the_channel_up() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(place(2, 3)), Verdict::Broken(at(1)));
        assert_eq!(chain.repaired(true), Left::Read(at(1)));
        assert_eq!(chain.repaired(true), Left::Nothing);
    }

    #[test]
    fn what_the_log_has_lost_shows_in_the_event_behind_it() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(place(3, 4)), Verdict::Broken(at(1)));
        assert_eq!(chain.advance(place(3, 4)), Advance::Gap(at(1)));
        assert_eq!(chain.advance(place(3, 4)), Advance::Repeat);
        assert_eq!(chain.repaired(true), Left::Nothing);
    }

    #[test]
    fn a_long_log_is_read_in_pieces() {
        let mut chain = chain(1);
        assert_eq!(chain.suspect(), Some(at(1)));
        assert_eq!(chain.advance(place(1, 2)), Advance::Next);
        assert_eq!(chain.repaired(false), Left::Read(at(2)));
        assert_eq!(chain.repaired(true), Left::Nothing);
    }

    #[test]
    fn a_suspicion_during_a_reading_asks_for_one_more_and_no_more_than_one() {
        let mut chain = chain(1);
        assert_eq!(chain.judge(place(2, 3)), Verdict::Broken(at(1)));
        assert_eq!([chain.suspect(), chain.suspect()], [None, None], "it is being read already");
        assert_eq!([chain.advance(place(1, 2)), chain.advance(place(2, 3))], [Advance::Next; 2]);
        // The reading brought all that was announced; what was missed since it began may be in the log by now.
        assert_eq!(chain.repaired(true), Left::Read(at(3)));
        assert_eq!(chain.advance(place(3, 4)), Advance::Next);
        assert_eq!(chain.repaired(false), Left::Read(at(4)), "the second reading is a full one");
        assert_eq!(chain.advance(place(4, 5)), Advance::Next);
        assert_eq!(chain.repaired(true), Left::Nothing);
        assert_eq!(chain.judge(place(5, 6)), Verdict::Deliver);

        // It ends where the log never shows anything newer, too.
        assert_eq!([chain.suspect(), chain.suspect()], [Some(at(6)), None]);
        assert_eq!([chain.repaired(true), chain.repaired(true)], [Left::Read(at(6)), Left::Nothing]);
    }

    #[test]
    fn a_suspicion_before_the_subscription_is_confirmed_is_looked_into_behind_the_end() {
        let mut chain = Chain::default();
        assert_eq!(chain.suspect(), None);
        assert_eq!(chain.confirm(at(4)), Left::Read(at(4)));
        assert_eq!(chain.advance(place(4, 5)), Advance::Next);
        assert_eq!(chain.repaired(true), Left::Nothing);
    }

    #[test]
    fn a_piece_for_a_subscription_that_has_ended_is_nothing_to_the_next_one() {
        let mut chain = Chain::default();
        assert_eq!(chain.advance(place(3, 4)), Advance::Repeat);
        assert_eq!(chain.repaired(true), Left::Nothing);
        assert_eq!(chain.confirm(at(4)), Left::Nothing);
    }

    #[test]
    fn what_finds_no_room_is_read_from_the_log() {
        let mut chain = chain(1);
        assert_eq!(chain.miss(place(1, 2)), Verdict::Broken(at(1)));
        assert_eq!(chain.judge(place(2, 3)), Verdict::Held);
        assert_eq!([chain.advance(place(1, 2)), chain.advance(place(2, 3))], [Advance::Next; 2]);
        assert_eq!(chain.repaired(true), Left::Nothing);
    }

    #[test]
    fn what_is_announced_before_the_subscription_is_confirmed_is_read_if_it_is_younger() {
        let mut chain = Chain::default();
        assert_eq!(chain.judge(place(4, 5)), Verdict::Held);
        assert_eq!(chain.confirm(at(4)), Left::Read(at(4)));
        assert_eq!(chain.advance(place(4, 5)), Advance::Next);
        assert_eq!(chain.repaired(true), Left::Nothing);

        let mut chain = Chain::default();
        assert_eq!(chain.judge(place(4, 5)), Verdict::Held);
        assert_eq!(chain.confirm(at(5)), Left::Nothing);
        assert_eq!(chain.judge(place(5, 6)), Verdict::Deliver);
    }
}
