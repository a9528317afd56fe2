//! Recipients of an announcement. A few subscribers are looked up at once. Many are looked up slice
//! by slice, through a window that moves over the list. So the lock is never held for long, and
//! other channels do not wait for all of them.

use std::sync::Arc;

use wirebell_protocol::Channel;
use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::channel::Kind;

use super::{Registry, Session};
use crate::hub::log_kind::LogKind;
use crate::hub::send_buffer::SendBuffer;
use crate::hub::subscription::Subscription;

/// The slice of a channel's subscribers that is being served: indexes in its list, or for `all` the
/// numbers of sessions. A new subscriber is added at the end of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Window {
    from: u64,
    to: u64,
}

impl Window {
    /// Adjusts the window to the removal of the subscriber at this index.
    pub(super) fn remove_index(&mut self, index: usize) {
        self.from -= u64::from((index as u64) < self.from);
        self.to -= u64::from((index as u64) < self.to);
    }

    fn indexes(self, all: usize) -> std::ops::Range<usize> {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(all);
        index(self.from)..index(self.to)
    }
}

impl Registry {
    /// Adds all recipients of the announcement to `into`. If the channel has more than `max`
    /// subscribers, adds none and returns false.
    pub(in crate::hub) fn recipients(
        &mut self,
        channel: &Channel,
        (kind, position): (LogKind, Option<LogPosition>),
        max: usize,
        into: &mut Vec<Arc<SendBuffer>>,
    ) -> bool {
        if self.has_more_than(max, channel) {
            return false;
        }
        match channel.kind() {
            Kind::All => {
                into.extend(self.sessions.values_mut().filter_map(|session| session.takes_all(kind, position)));
            }
            Kind::Connection(id) => {
                into.extend(
                    self.sessions
                        .get_mut(&id.number)
                        .and_then(|session| session.own_subscription.takes(kind, position)),
                );
            }
            _ => {
                let subscriptions =
                    self.channels.get_mut(channel).into_iter().flat_map(|entry| &mut entry.subscriptions);
                into.extend(subscriptions.filter_map(|subscription| subscription.takes(kind, position)));
            }
        }
        true
    }

    /// Returns whether the channel has more than `max` subscribers.
    pub(in crate::hub) fn has_more_than(&self, max: usize, channel: &Channel) -> bool {
        match channel.kind() {
            Kind::All => self.sessions.len() > max,
            _ => self.channels.get(channel).is_some_and(|entry| entry.subscriptions.len() > max),
        }
    }

    /// Starts going through the channel's subscribers, with an empty window before the first one.
    pub(in crate::hub) fn open_window(&mut self, channel: &Channel) {
        self.windows.insert(channel.clone(), Window::default());
    }

    /// Moves the window to the next slice, of up to `max` subscribers. Returns false after the
    /// last.
    pub(in crate::hub) fn advance_window(&mut self, channel: &Channel, max: usize) -> bool {
        let Some(window) = self.windows.get_mut(channel) else { return false };
        let from = window.to;
        window.from = from;
        window.to = if channel.kind() == Kind::All {
            self.sessions.range(from..).take(max).last().map_or(from, |(number, _)| number + 1)
        } else {
            let all = self.channels.get(channel).map_or(0, |entry| entry.subscriptions.len() as u64);
            all.min(from + max as u64).max(from)
        };
        let is_open = window.to > from;
        if !is_open {
            self.windows.remove(channel);
        }
        is_open
    }

    /// Adds the recipients of the announcement that are in the window to `into`.
    pub(in crate::hub) fn recipients_in_window(
        &mut self,
        channel: &Channel,
        (kind, position): (LogKind, Option<LogPosition>),
        into: &mut Vec<Arc<SendBuffer>>,
    ) {
        let Some(window) = self.windows.get(channel) else { return };
        if channel.kind() == Kind::All {
            let sessions = self.sessions.range_mut(window.from..window.to);
            into.extend(sessions.filter_map(|(_, session)| session.takes_all(kind, position)));
        } else if let Some(entry) = self.channels.get_mut(channel) {
            let indexes = window.indexes(entry.subscriptions.len());
            into.extend(
                entry.subscriptions[indexes]
                    .iter_mut()
                    .filter_map(|subscription: &mut Subscription| subscription.takes(kind, position)),
            );
        }
    }
}

impl Session {
    fn takes_all(&mut self, kind: LogKind, position: Option<LogPosition>) -> Option<Arc<SendBuffer>> {
        let is_new =
            kind == LogKind::Retained || position.is_none_or(|position| position.cursor > self.all_live_after);
        (is_new && self.state_in_all(kind).takes(position)).then(|| Arc::clone(&self.own_subscription.buffer))
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::{ConnectionId, Cursor, NodeId};

    use super::super::owner::Owner;
    use super::*;
    use crate::bus::ChannelEnds;
    use crate::hub::log_kind::ChannelLog;

    fn buffer(number: u64) -> Arc<SendBuffer> {
        Arc::new(SendBuffer::new(number, 100))
    }

    fn topic() -> Channel {
        Channel::topic("news").unwrap()
    }

    fn at(millis: u64) -> LogPosition {
        LogPosition { cursor: Cursor { millis, sequence: 0 }, previous: Cursor { millis: millis - 1, sequence: 0 } }
    }

    /// The numbers of the recipients in the window.
    fn numbers(registry: &mut Registry, channel: &Channel, position: Option<LogPosition>) -> Vec<u64> {
        let mut found = Vec::new();
        registry.recipients_in_window(channel, (LogKind::Durable, position), &mut found);
        found.iter().map(|buffer| buffer.number()).collect()
    }

    /// A channel with `count` subscribers, whose log ends at 1.
    fn with_subscribers(count: u64) -> (Registry, Vec<Arc<SendBuffer>>) {
        let mut registry = Registry::new();
        let buffers: Vec<_> = (0..count).map(buffer).collect();
        for buffer in &buffers {
            registry.subscribe(&topic(), buffer, None);
        }
        let pending = registry.take_pending(10);
        let ends = ChannelEnds { log: at(1).cursor, retained: Cursor::START };
        registry.confirm(&pending, &vec![ends; pending.len()], 0);
        (registry, buffers)
    }

    #[test]
    fn few_recipients_are_returned_at_once_and_many_in_slices() {
        let (mut registry, _) = with_subscribers(5);
        let mut found = Vec::new();
        assert!(registry.recipients(&topic(), (LogKind::Durable, Some(at(2))), 5, &mut found));
        assert_eq!(found.len(), 5);
        assert!(!registry.recipients(&topic(), (LogKind::Durable, Some(at(2))), 4, &mut found));
        assert_eq!(found.len(), 5, "too many: none is added");

        registry.open_window(&topic());
        let mut slices = Vec::new();
        while registry.advance_window(&topic(), 2) {
            slices.push(numbers(&mut registry, &topic(), Some(at(2))));
        }
        assert_eq!(slices, [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(!registry.advance_window(&topic(), 2), "the window is closed");
    }

    #[test]
    fn subscribing_and_unsubscribing_between_slices_neither_loses_nor_repeats_an_event() {
        let (mut registry, buffers) = with_subscribers(6);
        registry.judge(&ChannelLog::durable(&topic()), at(2));
        registry.open_window(&topic());
        assert!(registry.advance_window(&topic(), 3));
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [0, 1, 2]);
        registry.unsubscribe(&topic(), &buffers[1], 0);
        registry.unsubscribe(&topic(), &buffers[4], 0);
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [0, 2], "a second event for the same slice");
        // One resubscribes with an earlier cursor and reads the event from the log. One is new and
        // starts after it.
        registry.subscribe(&topic(), &buffers[1], Some(Cursor::START));
        registry.subscribe(&topic(), &buffer(9), None);
        assert!(registry.advance_window(&topic(), 9));
        assert_eq!(numbers(&mut registry, &topic(), Some(at(2))), [3, 5]);
        assert_eq!(numbers(&mut registry, &topic(), Some(at(3))), [3, 5, 9]);
        assert!(!registry.advance_window(&topic(), 9));
        let newest = registry.state(&ChannelLog::durable(&topic()), &buffers[1]).unwrap().caught_up(at(2).cursor);
        assert_eq!(newest, Some(at(3).cursor), "the newest skipped event is remembered");
    }

    #[test]
    fn all_is_sliced_by_session_number() {
        let (mut registry, node) = (Registry::new(), NodeId::from_bits(1));
        for number in [3, 5, 8, 13] {
            registry.add_session(ConnectionId { node, number }, Owner::of_no_user(), buffer(number));
        }
        registry.open_window(&Channel::all());
        assert!(registry.advance_window(&Channel::all(), 2));
        assert_eq!(numbers(&mut registry, &Channel::all(), None), [3, 5]);
        registry.remove_session(ConnectionId { node, number: 5 });
        registry.remove_session(ConnectionId { node, number: 8 });
        registry.add_session(ConnectionId { node, number: 21 }, Owner::of_no_user(), buffer(21));
        assert!(registry.advance_window(&Channel::all(), 2));
        assert_eq!(numbers(&mut registry, &Channel::all(), None), [13, 21]);
        assert!(!registry.advance_window(&Channel::all(), 2));
    }

    #[test]
    fn window_closes_when_the_channel_is_unsubscribed() {
        let (mut registry, buffers) = with_subscribers(2);
        registry.open_window(&topic());
        assert!(registry.advance_window(&topic(), 1));
        for buffer in &buffers {
            registry.unsubscribe(&topic(), buffer, 0);
        }
        let leaving = registry.take_idle(9, 9);
        registry.unsubscribed(leaving);
        registry.subscribe(&topic(), &buffers[0], None);
        assert!(!registry.advance_window(&topic(), 1), "the event was not for this subscription");
    }
}
