//! Acknowledgements: which of them the bus has to hear of. Most events are not watched by anybody, and then a client
//! may acknowledge as often as it likes without a word to the bus.

use wirebell_protocol::tracking::What;
use wirebell_protocol::{Channel, Cursor, Fault};

use super::frames;
use super::peer::Peer;
use super::serve::{Session, Step};
use crate::hub::{Ack, Note, Watched};

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

impl<P: Peer> Session<P> {
    /// A watched event is with the kernel.
    pub(super) fn written(&mut self, event: &Watched) {
        self.report(event, What::Written);
        if let Some(cursor) = event.cursor {
            self.acks.written(&event.channel, cursor);
        }
    }

    /// Reports what became of a watched event on this connection.
    pub(super) fn report(&self, event: &Watched, what: What) {
        self.shared.hub.reporter().note(Note {
            channel: event.channel.clone(),
            id: event.id.clone(),
            connection: self.client.membership.id(),
            device: self.client.identity.device.as_deref().map(Box::from),
            what,
        });
    }

    /// `wirebell.ack`: heard in silence, unless it has a `ref`.
    pub(super) async fn acknowledge(&mut self, channel: &Channel, cursor: Cursor, reference: Option<&str>) -> Step {
        if self.client.membership.since(channel).is_none() {
            let message = format!("this connection does not listen for {channel}");
            return self.write(frames::error(Fault::BadChannel, &message, reference)).await;
        }
        if self.acks.acknowledged(channel, cursor) {
            let connection = self.client.membership.id();
            let device =
                self.client.identity.device.as_deref().map_or_else(|| connection.to_string().into(), Box::from);
            self.shared.hub.reporter().acknowledge(Ack { channel: channel.clone(), device, connection, cursor });
        }
        match reference {
            Some(_) => self.write(frames::acknowledged(channel, cursor, reference)).await,
            None => Ok(()),
        }
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
