//! Requests of connections that wait for a service's reply, by `ref`, each with a timeout. A
//! connection without requests has no entry here and no state in its session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use wirebell_protocol::ErrorCode;
use wirebell_protocol::inbox::Answer;

use super::Hub;
use super::frame::Frame;
use crate::lifecycle::{instant_at, uptime_millis};

/// Maximum number of requests that one connection may wait for.
pub(super) const MAX_PENDING: usize = 1_000;

/// The table of requests. `changed` wakes the task that checks the timeouts.
#[derive(Default)]
pub(super) struct PendingReplies {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    pending_by_connection: HashMap<u64, Vec<PendingReply>>,
    /// In the order of their timeouts, answered or not: all requests have the same timeout.
    timeouts: VecDeque<Timeout>,
    next_id: u64,
}

struct PendingReply {
    id: RequestId,
    reference: Box<str>,
    since: u64,
}

struct Timeout {
    at: u64,
    connection: u64,
    id: RequestId,
}

/// Id of a request. It distinguishes requests with the same `ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestId(u64);

impl PendingReplies {
    /// Registers a request with a timeout in milliseconds. Returns `None` if the connection has too
    /// many.
    pub(super) fn register(&self, connection: u64, reference: &str, now: u64, timeout: u64) -> Option<RequestId> {
        let mut state = self.lock();
        state.next_id += 1;
        let id = RequestId(state.next_id);
        let pending = state.pending_by_connection.entry(connection).or_default();
        if pending.len() >= MAX_PENDING {
            return None;
        }
        pending.push(PendingReply { id, reference: reference.into(), since: now });
        let was_empty = state.timeouts.is_empty();
        state.timeouts.push_back(Timeout { at: now + timeout, connection, id });
        drop(state);
        if was_empty {
            self.changed.notify_one();
        }
        Some(id)
    }

    /// Removes a request because its reply arrived. Returns how many milliseconds it took. Returns
    /// `None` if the request does not exist any more.
    pub(super) fn take_reply(&self, connection: u64, reference: &str, now: u64) -> Option<u64> {
        let pending = self.lock().take(connection, |pending| *pending.reference == *reference)?;
        Some(now.saturating_sub(pending.since))
    }

    /// Removes a request that is answered otherwise. Returns false if it was answered before.
    pub(super) fn cancel(&self, connection: u64, id: RequestId) -> bool {
        self.lock().take(connection, |pending| pending.id == id).is_some()
    }

    /// Removes all requests of a connection.
    pub(super) fn forget(&self, connection: u64) {
        self.lock().pending_by_connection.remove(&connection);
    }

    /// Removes the overdue requests. Returns them by connection and `ref`, and the next timeout.
    fn overdue(&self, now: u64) -> (Vec<(u64, Box<str>)>, Option<u64>) {
        let (mut state, mut overdue) = (self.lock(), Vec::new());
        while state.timeouts.front().is_some_and(|expired| expired.at <= now) {
            let Some(expired) = state.timeouts.pop_front() else { break };
            let pending = state.take(expired.connection, |pending| pending.id == expired.id);
            overdue.extend(pending.map(|pending| (expired.connection, pending.reference)));
        }
        let next = state.timeouts.front().map(|expired| expired.at);
        (overdue, next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, connection: u64, fits: impl Fn(&PendingReply) -> bool) -> Option<PendingReply> {
        let requests = self.pending_by_connection.get_mut(&connection)?;
        let index = requests.iter().position(fits)?;
        let pending = requests.remove(index);
        if requests.is_empty() {
            self.pending_by_connection.remove(&connection);
        }
        Some(pending)
    }
}

/// Answers overdue requests with `no_reply` while the process runs.
pub(super) async fn run(hub: Arc<Hub>) {
    loop {
        let (overdue, next) = hub.pending_replies.overdue(uptime_millis());
        for (connection, reference) in overdue {
            hub.metrics.emit_answers.with_label_values(&["no_reply"]).inc();
            let frame = Answer::Error(ErrorCode::NoReply).frame(&reference);
            hub.push_unbounded(connection, Frame::reply(frame));
        }
        match next {
            Some(at) => sleep_until(Instant::from_std(instant_at(at))).await,
            None => hub.pending_replies.changed.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_answered_once() {
        let replies = PendingReplies::default();
        replies.register(1, "a", 0, 100).unwrap();
        assert_eq!(replies.take_reply(2, "a", 5), None, "another connection's");
        assert_eq!(replies.take_reply(1, "a", 5), Some(5));
        assert_eq!(replies.take_reply(1, "a", 6), None);
        assert_eq!(replies.overdue(1_000), (vec![], None));
    }

    #[test]
    fn unanswered_request_times_out() {
        let replies = PendingReplies::default();
        replies.register(1, "a", 0, 100).unwrap();
        replies.register(1, "b", 50, 100).unwrap();
        assert_eq!(replies.overdue(99), (vec![], Some(100)));
        assert_eq!(replies.overdue(100), (vec![(1, "a".into())], Some(150)));
        assert_eq!(replies.take_reply(1, "b", 120), Some(70));
        assert!(replies.lock().pending_by_connection.is_empty(), "a connection without requests has no entry");
    }

    #[test]
    fn same_ref_twice_is_two_requests() {
        let replies = PendingReplies::default();
        let first = replies.register(1, "a", 0, 100).unwrap();
        replies.register(1, "a", 0, 100).unwrap();
        assert!(replies.cancel(1, first) && !replies.cancel(1, first));
        assert!(replies.take_reply(1, "a", 1).is_some() && replies.take_reply(1, "a", 1).is_none());
    }

    #[test]
    fn requests_are_bounded_per_connection_and_dropped_when_it_ends() {
        let replies = PendingReplies::default();
        for _ in 0..MAX_PENDING {
            replies.register(1, "a", 0, 100).unwrap();
        }
        assert!(replies.register(1, "a", 0, 100).is_none());
        assert!(replies.register(2, "a", 0, 100).is_some());
        replies.forget(1);
        assert_eq!(replies.overdue(200).0, [(2, "a".into())]);
    }
}
