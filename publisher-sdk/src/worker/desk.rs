//! The desk: what a worker has in its hand. Some of it is ready to be handed out, some is handed out, some waits for
//! another try.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::{Held, Work, WorkerCounters};
use crate::redis::{Entry, EntryPlace, Group};

/// Most entries in one worker's hand, those that wait for another try among them: where every try fails, nothing more
/// is taken, and others may be luckier.
const MOST_IN_HAND: usize = 1_000;

/// What can be chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) tries: u32,
    /// Before the second try, and at most.
    pub(super) backoff: (Duration, Duration),
    pub(super) gone_after: Duration,
    pub(super) at_once: usize,
    /// For how long it is tried to tell Redis something.
    pub(super) timeout: Duration,
}

/// What a worker has in its hand.
pub(super) struct Desk<T> {
    pub(super) group: Group,
    pub(super) settings: Settings,
    state: Mutex<State<T>>,
    /// Something became ready, or the desk was closed.
    ready: Notify,
    /// Something that was handed out came to its end.
    ended: Notify,
}

struct State<T> {
    ready: VecDeque<(Entry, T)>,
    handed_out: HashSet<EntryPlace>,
    /// Whose turn it is just now: what has the same turn waits.
    turns: HashSet<String>,
    later: Vec<(Instant, Entry)>,
    closed: bool,
    counters: WorkerCounters,
}

impl<T: Work> State<T> {
    fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            handed_out: HashSet::new(),
            turns: HashSet::new(),
            later: Vec::new(),
            closed: false,
            counters: WorkerCounters::default(),
        }
    }

    fn may_go(&self, item: &T) -> bool {
        item.turn().is_none_or(|turn| !self.turns.contains(turn))
    }
}

impl<T: Work> Desk<T> {
    pub(super) fn new(group: Group, settings: Settings) -> Self {
        Self { group, settings, state: Mutex::new(State::new()), ready: Notify::new(), ended: Notify::new() }
    }

    /// Hands out what has been ready for longest and may go; none once the desk is closed.
    pub(super) async fn next(desk: &Arc<Self>) -> Option<Held<T>> {
        loop {
            let mut changed = pin!(desk.ready.notified());
            changed.as_mut().enable();
            {
                let mut state = desk.state();
                if state.closed {
                    return None;
                }
                let first = state.ready.iter().position(|(_, item)| state.may_go(item));
                if let Some((entry, item)) = first.and_then(|place| state.ready.remove(place)) {
                    state.handed_out.insert(entry.place.clone());
                    state.turns.extend(item.turn().map(str::to_owned));
                    state.counters.handed_out += 1;
                    return Some(Held::new(Arc::clone(desk), entry, item));
                }
            }
            changed.await;
        }
    }

    /// Takes entries from the stream, to be handed out; answers those that nobody can read.
    pub(super) fn take(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut unreadable = Vec::new();
        let mut state = self.state();
        for entry in entries {
            match T::read(&entry) {
                Some(item) => state.ready.push_back((entry, item)),
                None => unreadable.push(entry),
            }
        }
        drop(state);
        self.ready.notify_waiters();
        unreadable
    }

    /// How many more entries may be taken.
    pub(super) fn room(&self) -> usize {
        let state = self.state();
        let in_hand = state.ready.len() + state.handed_out.len() + state.later.len();
        // No more is read ahead than is soon handed out: other workers are idle, maybe.
        let may_go = state.ready.iter().filter(|(_, item)| state.may_go(item)).count();
        let ahead = (2 * self.settings.at_once).saturating_sub(may_go);
        if state.closed { 0 } else { MOST_IN_HAND.saturating_sub(in_hand).min(ahead) }
    }

    /// Everything in hand.
    pub(super) fn in_hand(&self) -> HashSet<EntryPlace> {
        let state = self.state();
        let waiting = state.ready.iter().map(|(entry, _)| entry).chain(state.later.iter().map(|(_, entry)| entry));
        waiting.map(|entry| &entry.place).chain(&state.handed_out).cloned().collect()
    }

    /// It is tried again, after a while that doubles with each try.
    pub(super) fn later(&self, entry: Entry) {
        let (first, longest) = self.settings.backoff;
        let doubled = first.saturating_mul(1 << (entry.tries - 1).min(16)).min(longest);
        let wait = doubled.mul_f64(fastrand::f64().mul_add(0.2, 0.9));
        self.state().later.push((Instant::now() + wait, entry));
    }

    /// It could not be taken up again just now.
    pub(super) fn still_due(&self, entries: impl IntoIterator<Item = Entry>) {
        let now = Instant::now();
        self.state().later.extend(entries.into_iter().map(|entry| (now, entry)));
    }

    /// Takes back what has waited long enough for another try.
    pub(super) fn due(&self) -> Vec<Entry> {
        let now = Instant::now();
        self.state().later.extract_if(.., |(at, _)| *at <= now).map(|(_, entry)| entry).collect()
    }

    /// It is nobody's any more.
    pub(super) fn let_go(&self, place: &EntryPlace, turn: Option<&str>) {
        let mut state = self.state();
        state.handed_out.remove(place);
        let frees = turn.is_some_and(|turn| state.turns.remove(turn));
        drop(state);
        self.ended.notify_waiters();
        if frees {
            self.ready.notify_waiters();
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut WorkerCounters)) {
        change(&mut self.state().counters);
    }

    pub(super) fn counters(&self) -> WorkerCounters {
        self.state().counters
    }

    /// Hands out nothing more.
    pub(super) fn shut(&self) {
        self.state().closed = true;
        self.ready.notify_waiters();
    }

    /// Hands out nothing more, waits for what is handed out, and gives back the rest. Answers how many have not come to
    /// their end.
    pub(super) async fn close(&self, within: Duration) -> usize {
        self.shut();
        // An end that takes longer is reported, not an error.
        drop(timeout(within, self.all_ended()).await);
        let (ready, later) = {
            let mut state = self.state();
            (std::mem::take(&mut state.ready), std::mem::take(&mut state.later))
        };
        let give_back = async {
            for (entry, _) in ready {
                // It was not tried, whatever the stream says.
                self.group.set(&entry, self.settings.gone_after, entry.tries - 1).await?;
            }
            for (at, entry) in later {
                let so_far = self.settings.gone_after.saturating_sub(at.saturating_duration_since(Instant::now()));
                self.group.set(&entry, so_far, entry.tries).await?;
            }
            self.group.leave().await
        };
        match timeout(self.settings.timeout, give_back).await {
            Ok(Ok(())) => {}
            // Others will notice.
            Ok(Err(failure)) => tracing::debug!(error = %failure.error, "a worker goes without a goodbye"),
            Err(_) => tracing::debug!("a worker goes without a goodbye"),
        }
        self.state().handed_out.len()
    }

    async fn all_ended(&self) {
        loop {
            let mut changed = pin!(self.ended.notified());
            changed.as_mut().enable();
            if self.state().handed_out.is_empty() {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Desk<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("settings", &self.settings).finish_non_exhaustive()
    }
}
