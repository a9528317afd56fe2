//! The backlog: what waits for channels that have many listeners here. A channel's listeners are gone through in slices,
//! and between two slices everything else has its turn, so that a broadcast holds up nobody but itself.
//!
//! What comes on such a channel meanwhile waits behind it, in order. It is bounded in bytes; what finds no room is
//! read from the log later, or, where no log has it, dropped.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::{Announcement, Channel};

use super::repair::Piece;

/// Bytes that may wait.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What an event takes besides its frame, about.
const EVENT_BYTES: usize = 256;
/// Announcements that a slice of listeners is handed together, once there is such a queue: one write carries them all.
const TOGETHER: usize = 16;

/// What waits for a channel's listeners.
pub(super) enum Waiting {
    /// It was announced.
    Event(Announcement),
    /// It was read from the log.
    Piece(Piece),
}

/// Channels with something to be handed on, each in its turn.
pub(super) struct Backlog<Batch> {
    queues: HashMap<Channel, Queue<Batch>>,
    turns: VecDeque<Channel>,
    bytes: usize,
}

struct Queue<Batch> {
    /// What is on its way to the listeners, slice by slice.
    begun: Option<Batch>,
    waiting: VecDeque<Waiting>,
}

/// What a channel has its turn for.
pub(super) enum Turn<Batch> {
    /// To go on with this.
    GoOn(Batch),
    /// To begin with these.
    Begin(Vec<Announcement>),
    /// To begin with a piece of its log.
    Mend(Piece),
}

impl<Batch> Default for Backlog<Batch> {
    fn default() -> Self {
        Self { queues: HashMap::new(), turns: VecDeque::new(), bytes: 0 }
    }
}

impl<Batch> Backlog<Batch> {
    /// Does nothing wait?
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Is there no room left for events?
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// Does anything wait for this channel? Then whatever comes for it has to wait too.
    pub(super) fn holds(&self, channel: &Channel) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(channel)
    }

    /// Puts it behind what waits for its channel.
    pub(super) fn push(&mut self, channel: Channel, waiting: Waiting) {
        if let Waiting::Event(event) = &waiting {
            self.bytes += size(event);
        }
        let turns = &mut self.turns;
        let queue = self.queues.entry(channel).or_insert_with_key(|channel| {
            turns.push_back(channel.clone());
            Queue { begun: None, waiting: VecDeque::new() }
        });
        queue.waiting.push_back(waiting);
    }

    /// Whose turn it is, and for what. It is not the channel's turn again before [`Self::done`].
    pub(super) fn next(&mut self) -> Option<(Channel, Turn<Batch>)> {
        let channel = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&channel)?;
        if let Some(batch) = queue.begun.take() {
            return Some((channel, Turn::GoOn(batch)));
        }
        let mut events = Vec::new();
        while events.len() < TOGETHER {
            match queue.waiting.pop_front() {
                Some(Waiting::Event(event)) => {
                    self.bytes -= size(&event);
                    events.push(event);
                }
                Some(Waiting::Piece(piece)) if events.is_empty() => return Some((channel, Turn::Mend(piece))),
                Some(piece @ Waiting::Piece(_)) => {
                    queue.waiting.push_front(piece);
                    break;
                }
                None => break,
            }
        }
        Some((channel, Turn::Begin(events)))
    }

    /// The channel has had its turn. `left` is what it has to go on with.
    pub(super) fn done(&mut self, channel: Channel, left: Option<Batch>) {
        let Some(queue) = self.queues.get_mut(&channel) else { return };
        queue.begun = left;
        if queue.begun.is_none() && queue.waiting.is_empty() {
            self.queues.remove(&channel);
        } else {
            self.turns.push_back(channel);
        }
    }
}

fn size(event: &Announcement) -> usize {
    event.frame.len() + EVENT_BYTES
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Class;

    use super::*;
    use crate::hub::line::Line;

    fn event(channel: &Channel, number: u64, length: usize) -> Announcement {
        Announcement {
            channel: channel.clone(),
            class: Class::Volatile,
            place: None,
            accepted_at: number,
            expires_at: None,
            watched: None,
            frame: vec![b'x'; length].into(),
        }
    }

    fn topic(name: &str) -> Channel {
        Channel::topic(name).unwrap()
    }

    fn push(backlog: &mut Backlog<u64>, channel: &Channel, number: u64) {
        backlog.push(channel.clone(), Waiting::Event(event(channel, number, 1)));
    }

    fn begun(turn: Option<(Channel, Turn<u64>)>) -> (Channel, Vec<u64>) {
        match turn {
            Some((channel, Turn::Begin(events))) => {
                (channel, events.iter().map(|event| event.accepted_at).collect())
            }
            _ => panic!("expected to begin with events"),
        }
    }

    #[test]
    fn channels_take_turns_and_each_keeps_its_order() {
        let (mut backlog, a, b) = (Backlog::default(), topic("a"), topic("b"));
        push(&mut backlog, &a, 1);
        push(&mut backlog, &a, 2);
        push(&mut backlog, &b, 3);
        assert_eq!(begun(backlog.next()), (a.clone(), vec![1, 2]));
        backlog.done(a.clone(), Some(7));
        push(&mut backlog, &a, 4);
        assert_eq!(begun(backlog.next()), (b.clone(), vec![3]));
        backlog.done(b.clone(), None);
        assert!(!backlog.holds(&b) && backlog.holds(&a));
        assert!(matches!(backlog.next(), Some((_, Turn::GoOn(7)))), "4 waits until 1 and 2 are through");
        backlog.done(a.clone(), None);
        assert_eq!(begun(backlog.next()), (a.clone(), vec![4]));
        backlog.done(a, None);
        assert!(backlog.is_empty() && backlog.next().is_none());
    }

    #[test]
    fn a_piece_of_log_stands_in_line_by_itself() {
        let (mut backlog, a) = (Backlog::default(), topic("a"));
        push(&mut backlog, &a, 1);
        backlog.push(a.clone(), Waiting::Piece(Piece { line: Line::log(&a), events: Vec::new(), complete: true }));
        push(&mut backlog, &a, 2);
        assert_eq!(begun(backlog.next()).1, [1]);
        backlog.done(a.clone(), None);
        assert!(matches!(backlog.next(), Some((_, Turn::Mend(piece))) if piece.complete));
        backlog.done(a.clone(), None);
        assert_eq!(begun(backlog.next()).1, [2]);
    }

    #[test]
    fn it_is_full_by_bytes_and_has_room_again() {
        let (mut backlog, a) = (Backlog::<u64>::default(), topic("a"));
        backlog.push(a.clone(), Waiting::Event(event(&a, 1, MOST_BYTES - EVENT_BYTES - 1)));
        assert!(!backlog.is_full());
        push(&mut backlog, &a, 2);
        assert!(backlog.is_full());
        backlog.next();
        backlog.done(a, None);
        assert!(!backlog.is_full() && backlog.bytes == 0);
    }
}
