//! The queue of the entries on which a worker holds a lease: ready to be handled, being handled, or
//! waiting for a retry.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::{Job, WorkerCounters};
use crate::redis::{ConsumerGroup, Entry, EntryId};

/// Most entries in flight at one worker, including those that wait for a retry. If every attempt
/// fails, the worker takes no more, since other workers may be able to handle them.
const MAX_IN_FLIGHT: usize = 1_000;

/// Options of a worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) tries: u32,
    /// The pause before the second attempt, and the longest pause.
    pub(super) backoff: (Duration, Duration),
    pub(super) gone_after: Duration,
    pub(super) at_once: usize,
    /// How long to retry a request to Redis.
    pub(super) timeout: Duration,
}

/// The entries on which a worker holds a lease.
pub(super) struct LeaseQueue<T> {
    pub(super) group: ConsumerGroup,
    pub(super) settings: Settings,
    state: Mutex<State<T>>,
    /// Notified when an entry becomes ready or the queue is closed.
    ready: Notify,
    /// Notified when handling of an entry ends.
    finished: Notify,
}

struct State<T> {
    ready: VecDeque<(Entry, T)>,
    handed_out: HashSet<EntryId>,
    /// The ordering keys of the entries being handled: other entries with the same key wait.
    busy_keys: HashSet<String>,
    later: Vec<(Instant, Entry)>,
    closed: bool,
    counters: WorkerCounters,
}

impl<T: Job> State<T> {
    fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            handed_out: HashSet::new(),
            busy_keys: HashSet::new(),
            later: Vec::new(),
            closed: false,
            counters: WorkerCounters::default(),
        }
    }

    fn is_runnable(&self, job: &T) -> bool {
        job.ordering_key().is_none_or(|key| !self.busy_keys.contains(key))
    }
}

impl<T: Job> LeaseQueue<T> {
    pub(super) fn new(group: ConsumerGroup, settings: Settings) -> Self {
        Self { group, settings, state: Mutex::new(State::new()), ready: Notify::new(), finished: Notify::new() }
    }

    /// Waits for the oldest runnable entry, and marks it as being handled until `release`. Returns
    /// `None` once the queue is closed.
    pub(super) async fn next(&self) -> Option<(Entry, T)> {
        loop {
            let mut notified = pin!(self.ready.notified());
            notified.as_mut().enable();
            {
                let mut state = self.state();
                if state.closed {
                    return None;
                }
                let first = state.ready.iter().position(|(_, job)| state.is_runnable(job));
                if let Some((entry, job)) = first.and_then(|index| state.ready.remove(index)) {
                    state.handed_out.insert(entry.id.clone());
                    state.busy_keys.extend(job.ordering_key().map(str::to_owned));
                    state.counters.handed_out += 1;
                    return Some((entry, job));
                }
            }
            notified.await;
        }
    }

    /// Adds entries from the stream. Returns those that cannot be parsed.
    pub(super) fn take(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut unreadable = Vec::new();
        let mut state = self.state();
        for entry in entries {
            match T::read(&entry) {
                Some(job) => state.ready.push_back((entry, job)),
                None => unreadable.push(entry),
            }
        }
        drop(state);
        self.ready.notify_waiters();
        unreadable
    }

    /// Returns how many more entries may be read.
    pub(super) fn capacity(&self) -> usize {
        let state = self.state();
        let in_flight = state.ready.len() + state.handed_out.len() + state.later.len();
        // Reads little ahead, since other workers may be idle.
        let runnable = state.ready.iter().filter(|(_, job)| state.is_runnable(job)).count();
        let ahead = (2 * self.settings.at_once).saturating_sub(runnable);
        if state.closed { 0 } else { MAX_IN_FLIGHT.saturating_sub(in_flight).min(ahead) }
    }

    /// Returns the ids of all entries on which this worker holds a lease.
    pub(super) fn in_flight_ids(&self) -> HashSet<EntryId> {
        let state = self.state();
        let waiting = state.ready.iter().map(|(entry, _)| entry).chain(state.later.iter().map(|(_, entry)| entry));
        waiting.map(|entry| &entry.id).chain(&state.handed_out).cloned().collect()
    }

    /// Schedules a retry after a pause that doubles with each attempt.
    pub(super) fn retry_later(&self, entry: Entry) {
        let (first, longest) = self.settings.backoff;
        let doubled = first.saturating_mul(1 << (entry.attempts - 1).min(16)).min(longest);
        let wait = doubled.mul_f64(fastrand::f64().mul_add(0.2, 0.9));
        self.state().later.push((Instant::now() + wait, entry));
    }

    /// Schedules entries again whose retry could not be recorded.
    pub(super) fn requeue_due(&self, entries: impl IntoIterator<Item = Entry>) {
        let now = Instant::now();
        self.state().later.extend(entries.into_iter().map(|entry| (now, entry)));
    }

    /// Removes and returns the entries whose retry is due.
    pub(super) fn due(&self) -> Vec<Entry> {
        let now = Instant::now();
        self.state().later.extract_if(.., |(at, _)| *at <= now).map(|(_, entry)| entry).collect()
    }

    /// Ends the handling of an entry.
    pub(super) fn release(&self, id: &EntryId, key: Option<&str>) {
        let mut state = self.state();
        state.handed_out.remove(id);
        let was_busy = key.is_some_and(|key| state.busy_keys.remove(key));
        drop(state);
        self.finished.notify_waiters();
        if was_busy {
            self.ready.notify_waiters();
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut WorkerCounters)) {
        change(&mut self.state().counters);
    }

    pub(super) fn counters(&self) -> WorkerCounters {
        self.state().counters
    }

    /// Stops handing out entries.
    pub(super) fn stop(&self) {
        self.state().closed = true;
        self.ready.notify_waiters();
    }

    /// Stops handing out entries, waits for those being handled, and releases the rest. Returns how
    /// many are still being handled.
    pub(super) async fn close(&self, within: Duration) -> usize {
        self.stop();
        // The caller gets the number of entries that took longer.
        drop(timeout(within, self.all_finished()).await);
        let (ready, later) = {
            let mut state = self.state();
            (std::mem::take(&mut state.ready), std::mem::take(&mut state.later))
        };
        let give_back = async {
            for (entry, _) in ready {
                // Its delivery counted as an attempt, but it was not handled.
                self.group.set_idle(&entry, self.settings.gone_after, entry.attempts - 1).await?;
            }
            for (at, entry) in later {
                let idle = self.settings.gone_after.saturating_sub(at.saturating_duration_since(Instant::now()));
                self.group.set_idle(&entry, idle, entry.attempts).await?;
            }
            self.group.leave().await
        };
        match timeout(self.settings.timeout, give_back).await {
            Ok(Ok(())) => {}
            // Other workers take over once this one counts as gone.
            Ok(Err(failure)) => tracing::debug!(error = %failure.error, "a worker could not release its entries"),
            Err(_) => tracing::debug!("a worker could not release its entries in time"),
        }
        self.state().handed_out.len()
    }

    async fn all_finished(&self) {
        loop {
            let mut notified = pin!(self.finished.notified());
            notified.as_mut().enable();
            if self.state().handed_out.is_empty() {
                return;
            }
            notified.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for LeaseQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseQueue").field("settings", &self.settings).finish_non_exhaustive()
    }
}
