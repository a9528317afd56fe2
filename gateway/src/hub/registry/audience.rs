//! Who gets what is announced on a channel. Few listeners are looked up at once; many in slices, one window behind the
//! other, so that neither the lock is held for long nor anybody else waits for all of them.

use std::sync::Arc;

use wirebell_protocol::Channel;
use wirebell_protocol::announcement::Place;
use wirebell_protocol::channel::Kind;

use super::{Registry, Session};
use crate::hub::line::Lane;
use crate::hub::member::Member;
use crate::hub::outbox::Outbox;

/// Which of a channel's listeners have their turn: places in its list, or of `all` the sessions' numbers. Whoever comes
/// while others have their turn stands behind the end of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Window {
    from: u64,
    to: u64,
}

impl Window {
    /// The listener at this place has gone, and all behind it have moved up.
    pub(super) fn close_up(&mut self, place: usize) {
        self.from -= u64::from((place as u64) < self.from);
        self.to -= u64::from((place as u64) < self.to);
    }

    fn places(self, all: usize) -> std::ops::Range<usize> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(all);
        place(self.from)..place(self.to)
    }
}

impl Registry {
    /// Everyone for whom the announcement is, unless the channel has more listeners than `most`: then nobody, and false.
    pub(in crate::hub) fn recipients(
        &mut self,
        channel: &Channel,
        (lane, place): (Lane, Option<Place>),
        most: usize,
        into: &mut Vec<Arc<Outbox>>,
    ) -> bool {
        if self.has_more_than(most, channel) {
            return false;
        }
        match channel.kind() {
            Kind::All => {
                into.extend(self.sessions.values_mut().filter_map(|session| session.takes_all(lane, place)));
            }
            Kind::Connection(id) => {
                into.extend(self.sessions.get_mut(&id.number).and_then(|session| session.own.takes(lane, place)));
            }
            _ => {
                let members = self.channels.get_mut(channel).into_iter().flat_map(|entry| &mut entry.members);
                into.extend(members.filter_map(|member| member.takes(lane, place)));
            }
        }
        true
    }

    /// Has the channel more listeners than that?
    pub(in crate::hub) fn has_more_than(&self, most: usize, channel: &Channel) -> bool {
        match channel.kind() {
            Kind::All => self.sessions.len() > most,
            _ => self.channels.get(channel).is_some_and(|entry| entry.members.len() > most),
        }
    }

    /// Begins to go through the channel's listeners in slices. Nobody has their turn yet.
    pub(in crate::hub) fn open(&mut self, channel: &Channel) {
        self.windows.insert(channel.clone(), Window::default());
    }

    /// Now the next listeners have their turn, at most so many. False if all have had theirs.
    pub(in crate::hub) fn slide(&mut self, channel: &Channel, most: usize) -> bool {
        let Some(window) = self.windows.get_mut(channel) else { return false };
        let from = window.to;
        window.from = from;
        window.to = if channel.kind() == Kind::All {
            self.sessions.range(from..).take(most).last().map_or(from, |(number, _)| number + 1)
        } else {
            let all = self.channels.get(channel).map_or(0, |entry| entry.members.len() as u64);
            all.min(from + most as u64).max(from)
        };
        let is_open = window.to > from;
        if !is_open {
            self.windows.remove(channel);
        }
        is_open
    }

    /// Those who have their turn and for whom the announcement is.
    pub(in crate::hub) fn in_turn(
        &mut self,
        channel: &Channel,
        (lane, place): (Lane, Option<Place>),
        into: &mut Vec<Arc<Outbox>>,
    ) {
        let Some(window) = self.windows.get(channel) else { return };
        if channel.kind() == Kind::All {
            let sessions = self.sessions.range_mut(window.from..window.to);
            into.extend(sessions.filter_map(|(_, session)| session.takes_all(lane, place)));
        } else if let Some(entry) = self.channels.get_mut(channel) {
            let places = window.places(entry.members.len());
            into.extend(
                entry.members[places].iter_mut().filter_map(|member: &mut Member| member.takes(lane, place)),
            );
        }
    }
}

impl Session {
    fn takes_all(&mut self, lane: Lane, place: Option<Place>) -> Option<Arc<Outbox>> {
        let is_new = lane == Lane::Retained || place.is_none_or(|place| place.cursor > self.all_since);
        (is_new && self.course_in_all(lane).takes(place)).then(|| Arc::clone(&self.own.outbox))
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::{ConnectionId, Cursor, NodeId};

    use super::super::owner::Owner;
    use super::*;
    use crate::bus::Ends;
    use crate::hub::line::Line;

    fn outbox(number: u64) -> Arc<Outbox> {
        Arc::new(Outbox::new(number, 100))
    }

    fn topic() -> Channel {
        Channel::topic("news").unwrap()
    }

    fn at(millis: u64) -> Place {
        Place { cursor: Cursor { millis, sequence: 0 }, previous: Cursor { millis: millis - 1, sequence: 0 } }
    }

    /// The numbers of those who have their turn.
    fn numbers(registry: &mut Registry, channel: &Channel, place: Option<Place>) -> Vec<u64> {
        let mut found = Vec::new();
        registry.in_turn(channel, (Lane::Log, place), &mut found);
        found.iter().map(|outbox| outbox.number()).collect()
    }

    /// A channel with so many listeners, whose log ends at 1.
    fn listened(count: u64) -> (Registry, Vec<Arc<Outbox>>) {
        let mut registry = Registry::new();
        let outboxes: Vec<_> = (0..count).map(outbox).collect();
        for outbox in &outboxes {
            registry.join(&topic(), outbox, None);
        }
        let pending = registry.take_pending(10);
        let ends = Ends { log: at(1).cursor, retained: Cursor::START };
        registry.confirm(&pending, &vec![ends; pending.len()], 0);
        (registry, outboxes)
    }

    #[test]
    fn few_come_at_once_and_many_in_slices() {
        let (mut registry, _) = listened(5);
        let mut found = Vec::new();
        assert!(registry.recipients(&topic(), (Lane::Log, Some(at(2))), 5, &mut found));
        assert_eq!(found.len(), 5);
        assert!(!registry.recipients(&topic(), (Lane::Log, Some(at(2))), 4, &mut found));
        assert_eq!(found.len(), 5, "too many, and none was given");

        registry.open(&topic());
        let mut slices = Vec::new();
        while registry.slide(&topic(), 2) {
            slices.push(numbers(&mut registry, &topic(), Some(at(2))));
        }
        assert_eq!(slices, [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(!registry.slide(&topic(), 2), "it is over");
    }

    #[test]
    fn whoever_goes_or_comes_in_between_makes_nobody_miss_it_or_get_it_twice() {
        let (mut registry, outboxes) = listened(6);
        registry.judge(&Line::log(&topic()), at(2));
        registry.open(&topic());
        assert!(registry.slide(&topic(), 3));
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [0, 1, 2]);
        registry.leave(&topic(), &outboxes[1], 0);
        registry.leave(&topic(), &outboxes[4], 0);
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [0, 2], "a second event for the same slice");
        // One comes back from before the event, and reads it in the log; one is new, and it came before their time.
        registry.join(&topic(), &outboxes[1], Some(Cursor::START));
        registry.join(&topic(), &outbox(9), None);
        assert!(registry.slide(&topic(), 9));
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [3, 5]);
        assert_eq!(numbers(&mut registry, &topic(), Some(at(3))), [3, 5, 9]);
        assert!(!registry.slide(&topic(), 9));
        let newest = registry.course(&Line::log(&topic()), &outboxes[1]).unwrap().caught_up(at(2).cursor);
        assert_eq!(newest, Some(at(3).cursor), "what passed by is known");
    }

    #[test]
    fn all_goes_by_the_sessions_numbers() {
        let (mut registry, node) = (Registry::new(), NodeId::from_bits(1));
        for number in [3, 5, 8, 13] {
            registry.enter(ConnectionId { node, number }, Owner::nobody(), outbox(number));
        }
        registry.open(&Channel::all());
        assert!(registry.slide(&Channel::all(), 2));
        assert_eq!(numbers(&mut registry, &Channel::all(), None), [3, 5]);
        registry.exit(ConnectionId { node, number: 5 });
        registry.exit(ConnectionId { node, number: 8 });
        registry.enter(ConnectionId { node, number: 21 }, Owner::nobody(), outbox(21));
        assert!(registry.slide(&Channel::all(), 2));
        assert_eq!(numbers(&mut registry, &Channel::all(), None), [13, 21]);
        assert!(!registry.slide(&Channel::all(), 2));
    }

    #[test]
    fn a_channel_that_was_left_by_all_is_gone_through() {
        let (mut registry, outboxes) = listened(2);
        registry.open(&topic());
        assert!(registry.slide(&topic(), 1));
        for outbox in &outboxes {
            registry.leave(&topic(), outbox, 0);
        }
        let leaving = registry.take_idle(9, 9);
        registry.left(leaving);
        registry.join(&topic(), &outboxes[0], None);
        assert!(!registry.slide(&topic(), 1), "the event was not for this subscription");
    }
}
