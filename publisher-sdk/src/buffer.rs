//! The buffer of `enqueue`: a FIFO queue bounded in events and bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use wirebell_protocol::Event;

use crate::counters::Counters;
use crate::delivery::EventResult;
use crate::enqueued::{Enqueued, Flushed};
use crate::pending::PendingEvent;

/// Bounds of the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// Events that wait for the publishing task, and the task's progress.
#[derive(Debug)]
pub(crate) struct Buffer {
    limits: Limits,
    state: Mutex<State>,
    arrived: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<PendingEvent>,
    /// Includes the events that the task has in flight.
    counters: Counters,
    next_sequence: usize,
    closed: bool,
    /// The last event was rejected. Each overflow is logged once, not for every event.
    overflowing: bool,
}

#[derive(Debug, Default)]
struct Progress {
    /// The sequence number of the oldest event without a result.
    oldest: usize,
    ended: bool,
}

impl Buffer {
    pub(crate) fn new(limits: Limits) -> Self {
        let (progress, _) = watch::channel(Progress::default());
        Self { limits, state: Mutex::default(), arrived: Notify::new(), progress }
    }

    /// Appends a stamped event if there is room.
    pub(crate) fn push(&self, id: String, event: Event) -> Enqueued {
        let bytes = event.to_json().len();
        let mut state = self.state();
        if state.closed {
            state.counters.dropped += 1;
            return Enqueued::Closed(event);
        }
        if !state.has_room(self.limits, bytes) {
            return state.reject(event);
        }
        state.accept(event, bytes);
        drop(state);
        self.arrived.notify_one();
        Enqueued::Accepted { id }
    }

    /// Moves waiting events to `in_flight`, until it holds `max` events.
    pub(crate) fn take(&self, in_flight: &mut Vec<PendingEvent>, max: usize) {
        let mut state = self.state();
        let room = max.saturating_sub(in_flight.len()).min(state.queue.len());
        in_flight.extend(state.queue.drain(..room));
    }

    /// Counts the results. `in_flight` holds the events that have none yet.
    pub(crate) fn record(&self, finished: &[(PendingEvent, EventResult)], in_flight: &[PendingEvent]) {
        let mut state = self.state();
        for (event, answer) in finished {
            state.release(event.bytes);
            *if answer.is_ok() { &mut state.counters.published } else { &mut state.counters.refused } += 1;
        }
        state.counters.retried += in_flight.len() as u64;
        let first = in_flight.first().or(state.queue.front());
        let oldest = first.map_or(state.next_sequence, |waiting| waiting.sequence);
        drop(state);
        self.progress.send_modify(|progress| progress.oldest = oldest);
    }

    /// Waits until there may be an event to publish.
    pub(crate) async fn wait_for_event(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Rejects all further events.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
    }

    /// Marks the publishing task as ended. Events that still wait are lost.
    pub(crate) fn finish(&self) {
        self.close();
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Waits until every event accepted so far has its result.
    pub(crate) async fn flushed(&self, within: Duration) -> Flushed {
        let target = self.state().next_sequence;
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
        let fits = |now: u64, more: usize, max: usize| now.saturating_add(more as u64) <= max as u64;
        fits(self.counters.waiting, 1, limits.events) && fits(self.counters.waiting_bytes, bytes, limits.bytes)
    }

    fn accept(&mut self, event: Event, bytes: usize) {
        self.queue.push_back(PendingEvent { sequence: self.next_sequence, bytes, event });
        self.next_sequence += 1;
        self.overflowing = false;
        self.counters.enqueued += 1;
        self.counters.waiting += 1;
        self.counters.waiting_bytes += bytes as u64;
    }

    fn release(&mut self, bytes: usize) {
        self.counters.waiting = self.counters.waiting.saturating_sub(1);
        self.counters.waiting_bytes = self.counters.waiting_bytes.saturating_sub(bytes as u64);
    }

    fn reject(&mut self, event: Event) -> Enqueued {
        self.counters.dropped += 1;
        if !std::mem::replace(&mut self.overflowing, true) {
            let waiting = self.counters.waiting;
            tracing::warn!(id = event.event_id(), waiting, "the enqueue buffer is full; events are rejected");
        }
        Enqueued::Full(event)
    }
}
