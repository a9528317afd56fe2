//! Decides which acknowledgements go to the bus. Most events are not tracked; a client may then
//! acknowledge as often as it likes without any write to the bus.

use wirebell_protocol::{Channel, Cursor};

/// The tracked events that a client may still acknowledge, by channel.
#[derive(Debug, Default)]
pub(super) struct Acks(Vec<Outstanding>);

/// Tracked events of one channel.
#[derive(Debug)]
struct Outstanding {
    channel: Channel,
    /// Acknowledgements before this cursor change nothing.
    lowest: Cursor,
    /// An acknowledgement of this cursor leaves nothing outstanding.
    highest: Cursor,
}

impl Acks {
    /// Notes that a tracked event was written to the client.
    pub(super) fn written(&mut self, channel: &Channel, cursor: Cursor) {
        self.extend(channel, cursor, cursor);
    }

    /// Notes that the client resumed after this cursor. Whether it acknowledged the events before
    /// it, over another connection, is unknown here.
    pub(super) fn resumed(&mut self, channel: &Channel, cursor: Cursor) {
        self.extend(channel, Cursor::START, cursor);
    }

    /// Notes that the client handled everything up to the cursor. Returns whether the bus needs the
    /// acknowledgement.
    pub(super) fn acknowledged(&mut self, channel: &Channel, cursor: Cursor) -> bool {
        let Some(index) = self.0.iter().position(|outstanding| outstanding.channel == *channel) else {
            return false;
        };
        let outstanding = &mut self.0[index];
        if cursor < outstanding.lowest {
            return false;
        }
        if cursor < outstanding.highest {
            outstanding.lowest = Cursor { sequence: cursor.sequence.saturating_add(1), ..cursor };
            return true;
        }
        self.0.swap_remove(index);
        if self.0.is_empty() {
            // Frees the memory of a session with nothing outstanding.
            self.0 = Vec::new();
        }
        true
    }

    fn extend(&mut self, channel: &Channel, lowest: Cursor, highest: Cursor) {
        let Some(known) = self.0.iter_mut().find(|outstanding| outstanding.channel == *channel) else {
            self.0.reserve_exact(1);
            return self.0.push(Outstanding { channel: channel.clone(), lowest, highest });
        };
        known.lowest = known.lowest.min(lowest);
        known.highest = known.highest.max(highest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    #[test]
    fn acknowledgement_without_tracked_events_is_not_reported() {
        let mut acks = Acks::default();
        assert!(!acks.acknowledged(&Channel::all(), at(5)));
    }

    #[test]
    fn each_tracked_event_is_reported_once() {
        let (mut acks, all) = (Acks::default(), Channel::all());
        acks.written(&all, at(5));
        acks.written(&all, at(9));
        assert!(!acks.acknowledged(&all, at(4)), "no tracked event up to there");
        assert!(acks.acknowledged(&all, at(6)));
        assert!(!acks.acknowledged(&all, at(6)));
        assert!(acks.acknowledged(&all, at(9)));
        assert!(!acks.acknowledged(&all, at(10)));
        assert!(acks.0.is_empty());
    }

    #[test]
    fn acknowledgement_after_a_resume_is_reported() {
        let (mut acks, all) = (Acks::default(), Channel::all());
        acks.resumed(&all, at(5));
        assert!(acks.acknowledged(&all, at(5)));
        assert!(!acks.acknowledged(&all, at(5)));
    }
}
