//! What of a shard waits to be told to the bus, in its order and bounded. Should there be too much, none of it is told
//! one by one: the node enters all of its sessions anew.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use wirebell_protocol::presence::{Change, Past};
use wirebell_protocol::{ConnectionId, Transport};

use super::super::Owner;
use super::age;

/// Entries that may wait in a shard: of all shards together a full node's sessions, several times over.
const MOST: usize = 12_500;
/// Entries of one batch.
const BATCH: usize = 256;

/// What waits.
#[derive(Default)]
pub(super) struct Desk {
    waiting: Mutex<Waiting>,
    pub(super) news: Notify,
    /// Of the lease that the node has; 0 while it has none.
    epoch: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    /// Taken out, and not yet with the bus.
    on_their_way: bool,
    /// There was too much: everything has to be entered anew.
    has_overflown: bool,
}

/// Something that happened to a session.
pub(super) struct Entry {
    pub(super) past: Past,
    pub(super) connection: ConnectionId,
    pub(super) owner: Owner,
    pub(super) transport: Transport,
    /// Who waits to know whether it may be.
    pub(super) answer: Option<oneshot::Sender<bool>>,
}

impl Desk {
    /// False if there was no room for it one by one.
    pub(super) fn push(&self, entry: Entry) -> bool {
        let mut waiting = self.lock();
        let is_full = waiting.entries.len() >= MOST;
        if is_full {
            // Whoever waits for an answer still gets it, save this one.
            waiting.entries.retain(|entry| entry.answer.is_some());
            waiting.has_overflown = true;
        } else {
            waiting.entries.push_back(entry);
        }
        drop(waiting);
        self.news.notify_one();
        !is_full
    }

    /// The next batch. None if everything has to be entered anew.
    pub(super) fn take(&self) -> Option<Vec<Entry>> {
        let mut waiting = self.lock();
        if waiting.has_overflown {
            return None;
        }
        let some = waiting.entries.len().min(BATCH);
        let mut taken: Vec<Entry> = waiting.entries.drain(..some).collect();
        if waiting.entries.is_empty() {
            // A storm must not leave its queue behind.
            waiting.entries = VecDeque::new();
        }
        // Of whoever waits no longer there is nothing to write: goodbye was said, or will be.
        taken.retain(|entry| entry.answer.as_ref().is_none_or(|answer| !answer.is_closed()));
        waiting.on_their_way = !taken.is_empty();
        Some(taken)
    }

    /// The bus has the batch, save these.
    pub(super) fn put_back(&self, entries: Vec<Entry>) {
        let mut waiting = self.lock();
        waiting.on_their_way = false;
        for entry in entries.into_iter().rev() {
            waiting.entries.push_front(entry);
        }
    }

    /// Everything is entered anew: `all` is asked for once nothing waits any more, so that whatever comes later is either
    /// among it or waits behind it.
    pub(super) fn restart(&self, all: impl FnOnce() -> Vec<Entry>) {
        {
            let mut waiting = self.lock();
            waiting.entries.retain(|entry| entry.answer.is_some());
            (waiting.has_overflown, waiting.on_their_way) = (false, false);
        }
        let all = all();
        let mut waiting = self.lock();
        for entry in all.into_iter().rev() {
            waiting.entries.push_front(entry);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.entries.is_empty() && !waiting.on_their_way && !waiting.has_overflown
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn hold(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// As the bus is told. Of sessions that have to be let in, the one is the newest that is let in last.
    pub(super) fn change(&self) -> Change {
        let age = if self.answer.is_some() { 0 } else { age(self.owner.since) };
        Change {
            past: self.past,
            user: self.owner.user.clone(),
            connection: self.connection,
            age,
            transport: self.transport,
            device: self.owner.device.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::{Channel, NodeId};

    use super::*;

    fn entry(number: u64, answer: Option<oneshot::Sender<bool>>) -> Entry {
        let owner = Owner { user: Channel::user("42").unwrap(), device: None, since: 0 };
        let connection = ConnectionId { node: NodeId::from_bits(7), number };
        Entry { past: Past::Came, connection, owner, transport: Transport::WebSocket, answer }
    }

    fn numbers(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.connection.number).collect()
    }

    #[test]
    fn what_the_bus_did_not_take_comes_first_again() {
        let desk = Desk::default();
        assert!(desk.push(entry(1, None)) && desk.push(entry(2, None)));
        let taken = desk.take().unwrap();
        assert!(!desk.is_empty(), "they are on their way");
        assert!(desk.push(entry(3, None)));
        desk.put_back(taken);
        assert_eq!(numbers(&desk.take().unwrap()), [1, 2, 3]);
        desk.put_back(Vec::new());
        assert!(desk.is_empty());
    }

    #[test]
    fn too_much_is_entered_anew_and_who_waits_still_waits() {
        let desk = Desk::default();
        let (sender, mut waits) = oneshot::channel();
        assert!(desk.push(entry(0, Some(sender))));
        for number in 1..MOST as u64 {
            assert!(desk.push(entry(number, None)));
        }
        assert!(!desk.push(entry(1, None)));
        assert!(desk.take().is_none() && !desk.is_empty());
        desk.restart(|| vec![entry(7, None), entry(8, None)]);
        assert_eq!(numbers(&desk.take().unwrap()), [7, 8, 0]);
        assert!(waits.try_recv().is_err());
    }

    #[test]
    fn who_waits_no_longer_is_not_entered() {
        let desk = Desk::default();
        let (sender, waits) = oneshot::channel();
        assert!(desk.push(entry(1, Some(sender))) && desk.push(entry(2, None)));
        drop(waits);
        assert_eq!(numbers(&desk.take().unwrap()), [2]);
    }
}
