//! A channel's chain: each announcement names its predecessor, so a node knows when it has missed one.

use wirebell_protocol::Cursor;
use wirebell_protocol::announcement::Place;

/// How far this node has come in a channel's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// The last event handed on; none while the subscription is not confirmed.
    last: Option<Cursor>,
    /// While the log is read, or the subscription is not confirmed: the newest event that was announced meanwhile.
    repairing: Option<Cursor>,
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
    /// The subscription stands, and this is the log's end. What was announced in between was held back, and has to be
    /// read if it is younger.
    pub(super) fn confirm(&mut self, end: Cursor) -> Left {
        if self.last.is_some() {
            return Left::Nothing;
        }
        self.last = Some(end);
        self.repairing = self.repairing.filter(|newest| *newest > end);
        self.repairing.map_or(Left::Nothing, |_| Left::Read(end))
    }

    /// How far it has come.
    pub(super) fn last(&self) -> Cursor {
        self.last.unwrap_or_default()
    }

    /// Judges an announcement.
    pub(super) fn judge(&mut self, place: Place) -> Verdict {
        if self.last.is_some_and(|last| place.cursor <= last) {
            return Verdict::Repeat;
        }
        let Some(last) = self.last.filter(|_| self.repairing.is_none()) else {
            self.repairing = self.repairing.max(Some(place.cursor));
            return Verdict::Held;
        };
        if last != place.previous {
            self.repairing = Some(place.cursor);
            return Verdict::Broken(last);
        }
        self.last = Some(place.cursor);
        Verdict::Deliver
    }

    /// Begins a repair without an announcement that betrays a gap; none if one is under way, or nothing is known.
    pub(super) fn suspect(&mut self) -> Option<Cursor> {
        let last = self.last.filter(|_| self.repairing.is_none())?;
        self.repairing = Some(last);
        Some(last)
    }

    /// Judges an event of the log. If it is new, it is handed on.
    pub(super) fn advance(&mut self, place: Place) -> Advance {
        let last = self.last.unwrap_or_default();
        if place.cursor <= last {
            return Advance::Repeat;
        }
        self.last = Some(place.cursor);
        if place.previous == last { Advance::Next } else { Advance::Gap(last) }
    }

    /// A piece of log was handed on. `complete` says that it reached the log's end.
    pub(super) fn repaired(&mut self, complete: bool) -> Left {
        let last = self.last.unwrap_or_default();
        match self.repairing {
            // What was announced while the log was read may be younger than the reading.
            Some(newest) if !complete || newest > last => {
                if complete {
                    // One more reading suffices; if the log no longer has it, there is nothing to wait for.
                    self.repairing = Some(last);
                }
                Left::Read(last)
            }
            _ => {
                self.repairing = None;
                Left::Nothing
            }
        }
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
        assert_eq!(chain.suspect(), None);
        assert_eq!(chain.advance(place(1, 2)), Advance::Next);
        assert_eq!(chain.repaired(false), Left::Read(at(2)));
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
