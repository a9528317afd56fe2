//! Acknowledgements: which of them the bus has to hear of. Most events are not watched by anybody, and then a client
//! may acknowledge as often as it likes without a word to the bus.

use wirebell_protocol::{Channel, Cursor};

/// What a client has been sent and may still acknowledge, for each channel on which that matters.
#[derive(Debug, Default)]
pub(super) struct Acks(Vec<Outstanding>);

/// Watched events of one channel.
#[derive(Debug)]
struct Outstanding {
    channel: Channel,
    /// Acknowledgements before this cursor are of no news.
    lowest: Cursor,
    /// One of this cursor leaves nothing outstanding.
    highest: Cursor,
}

impl Acks {
    /// A watched event was written to the client.
    pub(super) fn written(&mut self, channel: &Channel, cursor: Cursor) {
        self.extend(channel, cursor, cursor);
    }

    /// The client came back with this cursor: whether it has acknowledged what it got before, over another connection,
    /// is not known here.
    pub(super) fn resumed(&mut self, channel: &Channel, cursor: Cursor) {
        self.extend(channel, Cursor::START, cursor);
    }

    /// The client has handled everything up to the cursor. Does the bus have to hear of it?
    pub(super) fn acknowledged(&mut self, channel: &Channel, cursor: Cursor) -> bool {
        let Some(place) = self.0.iter().position(|outstanding| outstanding.channel == *channel) else {
            return false;
        };
        let outstanding = &mut self.0[place];
        if cursor < outstanding.lowest {
            return false;
        }
        if cursor < outstanding.highest {
            outstanding.lowest = Cursor { sequence: cursor.sequence.saturating_add(1), ..cursor };
            return true;
        }
        self.0.swap_remove(place);
        if self.0.is_empty() {
            // A session with nothing outstanding is as small as one that never had anything.
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
    fn where_nothing_is_watched_nothing_is_told() {
        let mut acks = Acks::default();
        assert!(!acks.acknowledged(&Channel::all(), at(5)));
    }

    #[test]
    fn each_watched_event_is_told_of_once() {
        let (mut acks, all) = (Acks::default(), Channel::all());
        acks.written(&all, at(5));
        acks.written(&all, at(9));
        assert!(!acks.acknowledged(&all, at(4)), "nothing up to there is watched");
        assert!(acks.acknowledged(&all, at(6)));
        assert!(!acks.acknowledged(&all, at(6)));
        assert!(acks.acknowledged(&all, at(9)));
        assert!(!acks.acknowledged(&all, at(10)));
        assert!(acks.0.is_empty());
    }

    #[test]
    fn whoever_came_back_is_heard_about_what_came_before() {
        let (mut acks, all) = (Acks::default(), Channel::all());
        acks.resumed(&all, at(5));
        assert!(acks.acknowledged(&all, at(5)));
        assert!(!acks.acknowledged(&all, at(5)));
    }
}
