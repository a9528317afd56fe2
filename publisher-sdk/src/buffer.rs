//! The buffer behind `enqueue`: bounded in events and in bytes, first in, first out.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use wirebell_protocol::Event;

use crate::counters::Counters;
use crate::delivery::{Answer, Waiting};
use crate::enqueued::{Enqueued, Flushed};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// What waits, and how far the task behind it has come.
#[derive(Debug)]
pub(crate) struct Buffer {
    limits: Limits,
    state: Mutex<State>,
    arrived: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Waiting>,
    /// Also of those that the task has in its hand.
    counters: Counters,
    next_slot: usize,
    closed: bool,
    /// The last event was turned away, which is told once and not for each.
    overflowing: bool,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of the oldest event without an answer.
    oldest: usize,
    ended: bool,
}

impl Buffer {
    pub(crate) fn new(limits: Limits) -> Self {
        let (progress, _) = watch::channel(Progress::default());
        Self { limits, state: Mutex::default(), arrived: Notify::new(), progress }
    }

    /// Takes a stamped event, if there is room.
    pub(crate) fn push(&self, id: String, event: Event) -> Enqueued {
        let bytes = event.to_json().len();
        let mut state = self.state();
        if state.closed {
            state.counters.dropped += 1;
            return Enqueued::Closed(event);
        }
        if !state.has_room(self.limits, bytes) {
            return state.turn_away(event);
        }
        state.accept(event, bytes);
        drop(state);
        self.arrived.notify_one();
        Enqueued::Accepted { id }
    }

    /// Moves what waits into the task's hand, up to `most` events there.
    pub(crate) fn fill(&self, hand: &mut Vec<Waiting>, most: usize) {
        let mut state = self.state();
        let room = most.saturating_sub(hand.len()).min(state.queue.len());
        hand.extend(state.queue.drain(..room));
    }

    /// Books the answers; `hand` holds what has none yet.
    pub(crate) fn settle(&self, settled: &[(Waiting, Answer)], hand: &[Waiting]) {
        let mut state = self.state();
        for (event, answer) in settled {
            state.release(event.bytes);
            *if answer.is_ok() { &mut state.counters.published } else { &mut state.counters.refused } += 1;
        }
        state.counters.retried += hand.len() as u64;
        let first = hand.first().or(state.queue.front());
        let oldest = first.map_or(state.next_slot, |waiting| waiting.slot);
        drop(state);
        self.progress.send_modify(|progress| progress.oldest = oldest);
    }

    /// Waits until there may be something to do.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
    }

    /// The task has ended: what waits is lost.
    pub(crate) fn end(&self) {
        self.close();
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Waits until every event taken so far has its answer.
    pub(crate) async fn flushed(&self, within: Duration) -> Flushed {
        let target = self.state().next_slot;
        let mut progress = self.progress.subscribe();
        let done = progress.wait_for(|progress| progress.oldest >= target || progress.ended);
        let reached = timeout(within, done).await.map(|progress| progress.is_ok_and(|p| p.oldest >= target));
        let waiting = self.counters().waiting;
        match reached {
            Ok(true) => Flushed::Done,
            Ok(false) => Flushed::Closed { waiting },
            Err(_) => Flushed::TimedOut { waiting },
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.state().counters
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, limits: Limits, bytes: usize) -> bool {
        let fits = |now: u64, more: usize, most: usize| now.saturating_add(more as u64) <= most as u64;
        fits(self.counters.waiting, 1, limits.events) && fits(self.counters.waiting_bytes, bytes, limits.bytes)
    }

    fn accept(&mut self, event: Event, bytes: usize) {
        self.queue.push_back(Waiting { slot: self.next_slot, bytes, event });
        self.next_slot += 1;
        self.overflowing = false;
        self.counters.enqueued += 1;
        self.counters.waiting += 1;
        self.counters.waiting_bytes += bytes as u64;
    }

    fn release(&mut self, bytes: usize) {
        self.counters.waiting = self.counters.waiting.saturating_sub(1);
        self.counters.waiting_bytes = self.counters.waiting_bytes.saturating_sub(bytes as u64);
    }

    fn turn_away(&mut self, event: Event) -> Enqueued {
        self.counters.dropped += 1;
        if !std::mem::replace(&mut self.overflowing, true) {
            let waiting = self.counters.waiting;
            tracing::warn!(id = event.event_id(), waiting, "the buffer is full, events are turned away");
        }
        Enqueued::Full(event)
    }
}
