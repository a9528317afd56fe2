//! The backlog: events for channels with many subscribers on this node. Subscribers are served in
//! slices, and other work runs between two slices. So a broadcast delays only its own channel.
//!
//! Later events of such a channel are queued after it, in order. The queue is bounded in bytes. An
//! event without room is read from the log later, or dropped if no log has it.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::{Announcement, Channel};

use super::repair::LogChunk;

/// Maximum number of queued bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Approximate size of an event without its frame.
const EVENT_OVERHEAD_BYTES: usize = 256;
/// Maximum number of queued events delivered to a slice together: one write carries them all.
const EVENTS_PER_BATCH: usize = 16;

/// An item queued for a channel's subscribers.
pub(super) enum QueuedItem {
    /// An announced event.
    Event(Announcement),
    /// A chunk read from the log.
    Chunk(LogChunk),
}

/// Queues of channels, served in turn.
pub(super) struct Backlog<Batch> {
    queues: HashMap<Channel, Queue<Batch>>,
    ready: VecDeque<Channel>,
    bytes: usize,
}

struct Queue<Batch> {
    /// The batch that is being delivered slice by slice.
    current: Option<Batch>,
    items: VecDeque<QueuedItem>,
}

/// Next task for a channel.
pub(super) enum Task<Batch> {
    /// Continue with the next slice of this batch.
    Continue(Batch),
    /// Start a batch of these events.
    Start(Vec<Announcement>),
    /// Start a batch from a chunk of the log.
    Repair(LogChunk),
}

impl<Batch> Default for Backlog<Batch> {
    fn default() -> Self {
        Self { queues: HashMap::new(), ready: VecDeque::new(), bytes: 0 }
    }
}

impl<Batch> Backlog<Batch> {
    /// Returns whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Returns whether there is no room for events.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }

    /// Returns whether something is queued for the channel. Then a new event has to be queued as
    /// well.
    pub(super) fn has_queue(&self, channel: &Channel) -> bool {
        !self.queues.is_empty() && self.queues.contains_key(channel)
    }

    /// Queues an item for the channel.
    pub(super) fn push(&mut self, channel: Channel, item: QueuedItem) {
        if let QueuedItem::Event(event) = &item {
            self.bytes += size(event);
        }
        let ready = &mut self.ready;
        let queue = self.queues.entry(channel).or_insert_with_key(|channel| {
            ready.push_back(channel.clone());
            Queue { current: None, items: VecDeque::new() }
        });
        queue.items.push_back(item);
    }

    /// Takes the next task. The channel gets no other task before [`Self::done`].
    pub(super) fn next(&mut self) -> Option<(Channel, Task<Batch>)> {
        let channel = self.ready.pop_front()?;
        let queue = self.queues.get_mut(&channel)?;
        if let Some(batch) = queue.current.take() {
            return Some((channel, Task::Continue(batch)));
        }
        let mut events = Vec::new();
        while events.len() < EVENTS_PER_BATCH {
            match queue.items.pop_front() {
                Some(QueuedItem::Event(event)) => {
                    self.bytes -= size(&event);
                    events.push(event);
                }
                Some(QueuedItem::Chunk(chunk)) if events.is_empty() => return Some((channel, Task::Repair(chunk))),
                Some(chunk @ QueuedItem::Chunk(_)) => {
                    queue.items.push_front(chunk);
                    break;
                }
                None => break,
            }
        }
        Some((channel, Task::Start(events)))
    }

    /// Finishes the channel's task. `unfinished` is the batch to continue with.
    pub(super) fn done(&mut self, channel: Channel, unfinished: Option<Batch>) {
        let Some(queue) = self.queues.get_mut(&channel) else { return };
        queue.current = unfinished;
        if queue.current.is_none() && queue.items.is_empty() {
            self.queues.remove(&channel);
        } else {
            self.ready.push_back(channel);
        }
    }
}

fn size(event: &Announcement) -> usize {
    event.frame.len() + EVENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Class;

    use super::*;
    use crate::hub::log_kind::ChannelLog;

    fn event(channel: &Channel, number: u64, length: usize) -> Announcement {
        Announcement {
            channel: channel.clone(),
            class: Class::Volatile,
            position: None,
            accepted_at: number,
            expires_at: None,
            tracked: None,
            frame: vec![b'x'; length].into(),
        }
    }

    fn topic(name: &str) -> Channel {
        Channel::topic(name).unwrap()
    }

    fn push(backlog: &mut Backlog<u64>, channel: &Channel, number: u64) {
        backlog.push(channel.clone(), QueuedItem::Event(event(channel, number, 1)));
    }

    fn started(task: Option<(Channel, Task<u64>)>) -> (Channel, Vec<u64>) {
        match task {
            Some((channel, Task::Start(events))) => {
                (channel, events.iter().map(|event| event.accepted_at).collect())
            }
            _ => panic!("expected Task::Start"),
        }
    }

    #[test]
    fn channels_alternate_and_each_keeps_its_order() {
        let (mut backlog, a, b) = (Backlog::default(), topic("a"), topic("b"));
        push(&mut backlog, &a, 1);
        push(&mut backlog, &a, 2);
        push(&mut backlog, &b, 3);
        assert_eq!(started(backlog.next()), (a.clone(), vec![1, 2]));
        backlog.done(a.clone(), Some(7));
        push(&mut backlog, &a, 4);
        assert_eq!(started(backlog.next()), (b.clone(), vec![3]));
        backlog.done(b.clone(), None);
        assert!(!backlog.has_queue(&b) && backlog.has_queue(&a));
        assert!(matches!(backlog.next(), Some((_, Task::Continue(7)))), "4 waits until 1 and 2 are delivered");
        backlog.done(a.clone(), None);
        assert_eq!(started(backlog.next()), (a.clone(), vec![4]));
        backlog.done(a, None);
        assert!(backlog.is_empty() && backlog.next().is_none());
    }

    #[test]
    fn each_log_chunk_is_a_separate_task() {
        let (mut backlog, a) = (Backlog::default(), topic("a"));
        push(&mut backlog, &a, 1);
        backlog.push(
            a.clone(),
            QueuedItem::Chunk(LogChunk { log: ChannelLog::durable(&a), events: Vec::new(), is_last: true }),
        );
        push(&mut backlog, &a, 2);
        assert_eq!(started(backlog.next()).1, [1]);
        backlog.done(a.clone(), None);
        assert!(matches!(backlog.next(), Some((_, Task::Repair(chunk))) if chunk.is_last));
        backlog.done(a.clone(), None);
        assert_eq!(started(backlog.next()).1, [2]);
    }

    #[test]
    fn backlog_is_bounded_by_bytes_and_frees_room() {
        let (mut backlog, a) = (Backlog::<u64>::default(), topic("a"));
        backlog.push(a.clone(), QueuedItem::Event(event(&a, 1, MAX_BYTES - EVENT_OVERHEAD_BYTES - 1)));
        assert!(!backlog.is_full());
        push(&mut backlog, &a, 2);
        assert!(backlog.is_full());
        backlog.next();
        backlog.done(a, None);
        assert!(!backlog.is_full() && backlog.bytes == 0);
    }
}
