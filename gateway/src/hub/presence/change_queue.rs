//! Bounded, ordered queue of the presence changes of one shard that are not yet written to the bus.
//! On overflow, single changes are dropped and the node registers all of its sessions again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use wirebell_protocol::presence::{Change, SessionChange};
use wirebell_protocol::{ConnectionId, Transport};

use super::super::Owner;
use super::age;

/// Maximum number of changes of a shard: all shards together hold a full node's sessions several
/// times.
const MAX_CHANGES: usize = 12_500;
/// Maximum number of changes in a batch.
const BATCH: usize = 256;

/// The queue of one shard.
#[derive(Default)]
pub(super) struct ChangeQueue {
    waiting: Mutex<Waiting>,
    pub(super) changed: Notify,
    /// Epoch of the node's lease; 0 without a lease.
    epoch: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    changes: VecDeque<PendingChange>,
    /// A batch is taken and not yet written.
    is_in_flight: bool,
    /// The queue overflowed: all sessions must be registered again.
    has_overflowed: bool,
}

/// A presence change of a session.
pub(super) struct PendingChange {
    pub(super) kind: SessionChange,
    pub(super) connection: ConnectionId,
    pub(super) owner: Owner,
    pub(super) transport: Transport,
    /// Gets whether the session is accepted, if the session waits for that.
    pub(super) answer: Option<oneshot::Sender<bool>>,
}

impl ChangeQueue {
    /// Queues a change. Returns false if the queue overflowed.
    pub(super) fn push(&self, change: PendingChange) -> bool {
        let mut waiting = self.lock();
        let is_full = waiting.changes.len() >= MAX_CHANGES;
        if is_full {
            // Waiting changes still get their answer, except the new one.
            waiting.changes.retain(|change| change.answer.is_some());
            waiting.has_overflowed = true;
        } else {
            waiting.changes.push_back(change);
        }
        drop(waiting);
        self.changed.notify_one();
        !is_full
    }

    /// Takes the next batch. Returns `None` if all sessions must be registered again.
    pub(super) fn take(&self) -> Option<Vec<PendingChange>> {
        let mut waiting = self.lock();
        if waiting.has_overflowed {
            return None;
        }
        let some = waiting.changes.len().min(BATCH);
        let mut taken: Vec<PendingChange> = waiting.changes.drain(..some).collect();
        if waiting.changes.is_empty() {
            // Frees the memory of a burst.
            waiting.changes = VecDeque::new();
        }
        // A session that no longer waits has ended: its end is queued or will be.
        taken.retain(|change| change.answer.as_ref().is_none_or(|answer| !answer.is_closed()));
        waiting.is_in_flight = !taken.is_empty();
        Some(taken)
    }

    /// Finishes the batch, and puts back the changes that the bus did not accept.
    pub(super) fn put_back(&self, changes: Vec<PendingChange>) {
        let mut waiting = self.lock();
        waiting.is_in_flight = false;
        for change in changes.into_iter().rev() {
            waiting.changes.push_front(change);
        }
    }

    /// Registers all sessions again. `all` is called on a queue without single changes: a later
    /// change is either included in its result or queued after it.
    pub(super) fn reset(&self, all: impl FnOnce() -> Vec<PendingChange>) {
        {
            let mut waiting = self.lock();
            waiting.changes.retain(|change| change.answer.is_some());
            (waiting.has_overflowed, waiting.is_in_flight) = (false, false);
        }
        let all = all();
        let mut waiting = self.lock();
        for change in all.into_iter().rev() {
            waiting.changes.push_front(change);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.changes.is_empty() && !waiting.is_in_flight && !waiting.has_overflowed
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingChange {
    /// Returns the change for the bus. A session that waits gets age 0: the newest of a user's
    /// sessions is the one accepted last.
    pub(super) fn change(&self) -> Change {
        let age = if self.answer.is_some() { 0 } else { age(self.owner.since) };
        Change {
            kind: self.kind,
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

    fn change(number: u64, answer: Option<oneshot::Sender<bool>>) -> PendingChange {
        let owner = Owner { user: Channel::user("42").unwrap(), device: None, since: 0 };
        let connection = ConnectionId { node: NodeId::from_bits(7), number };
        PendingChange { kind: SessionChange::Join, connection, owner, transport: Transport::WebSocket, answer }
    }

    fn numbers(changes: &[PendingChange]) -> Vec<u64> {
        changes.iter().map(|change| change.connection.number).collect()
    }

    #[test]
    fn rejected_batch_is_written_again_first() {
        let queue = ChangeQueue::default();
        assert!(queue.push(change(1, None)) && queue.push(change(2, None)));
        let taken = queue.take().unwrap();
        assert!(!queue.is_empty(), "the batch is in flight");
        assert!(queue.push(change(3, None)));
        queue.put_back(taken);
        assert_eq!(numbers(&queue.take().unwrap()), [1, 2, 3]);
        queue.put_back(Vec::new());
        assert!(queue.is_empty());
    }

    #[test]
    fn overflow_registers_all_sessions_again_and_keeps_waiting_changes() {
        let queue = ChangeQueue::default();
        let (sender, mut waits) = oneshot::channel();
        assert!(queue.push(change(0, Some(sender))));
        for number in 1..MAX_CHANGES as u64 {
            assert!(queue.push(change(number, None)));
        }
        assert!(!queue.push(change(1, None)));
        assert!(queue.take().is_none() && !queue.is_empty());
        queue.reset(|| vec![change(7, None), change(8, None)]);
        assert_eq!(numbers(&queue.take().unwrap()), [7, 8, 0]);
        assert!(waits.try_recv().is_err());
    }

    #[test]
    fn change_whose_waiter_is_gone_is_skipped() {
        let queue = ChangeQueue::default();
        let (sender, waits) = oneshot::channel();
        assert!(queue.push(change(1, Some(sender))) && queue.push(change(2, None)));
        drop(waits);
        assert_eq!(numbers(&queue.take().unwrap()), [2]);
    }
}
