//! Maps Socket.IO acknowledgement ids to the channel and cursor of an event.

use std::collections::VecDeque;

use serde_json::json;
use wirebell_protocol::{Channel, Cursor};

/// Maximum number of pending acknowledgements. The oldest are dropped first.
const MAX_PENDING: usize = 1_000;

/// The pending acknowledgements of one client.
#[derive(Debug, Default)]
pub(super) struct Acks {
    last: u64,
    pending: VecDeque<(u64, Channel, Cursor)>,
}

impl Acks {
    /// Registers an event, and returns its acknowledgement id.
    pub(super) fn register(&mut self, channel: Channel, cursor: Cursor) -> u64 {
        self.last += 1;
        if self.pending.len() == MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((self.last, channel, cursor));
        self.last
    }

    /// Returns the `wirebell.ack` frame for an acknowledgement. It covers all earlier events of the
    /// channel, like any `wirebell.ack`.
    pub(super) fn acknowledged(&mut self, id: u64) -> Option<String> {
        let index = self.pending.iter().position(|(pending, ..)| *pending == id)?;
        let (_, channel, cursor) = self.pending.remove(index)?;
        self.pending.retain(|(_, other, at)| *other != channel || *at > cursor);
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
        Some(json!({ "type": "wirebell.ack", "channel": channel, "cursor": cursor.to_string() }).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    #[test]
    fn acknowledgement_counts_once_and_covers_earlier_events() {
        let mut acks = Acks::default();
        let user = Channel::user("42").unwrap();
        let ids = [5, 6, 7].map(|millis| acks.register(user.clone(), at(millis)));
        let other = acks.register(Channel::all(), at(1));
        let frame = acks.acknowledged(ids[1]).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&frame).unwrap(),
            json!({ "type": "wirebell.ack", "channel": "user:42", "cursor": "6-0" })
        );
        assert_eq!((acks.acknowledged(ids[0]), acks.acknowledged(ids[1])), (None, None));
        assert!(acks.acknowledged(ids[2]).is_some() && acks.acknowledged(other).is_some());
    }

    #[test]
    fn oldest_pending_acknowledgement_is_dropped() {
        let mut acks = Acks::default();
        let ids: Vec<u64> = (0..=1_000).map(|millis| acks.register(Channel::all(), at(millis))).collect();
        assert_eq!((acks.pending.len(), acks.acknowledged(ids[0])), (MAX_PENDING, None));
    }
}
