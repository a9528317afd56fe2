//! Queue of connection log entries that are not yet written to the bus. It is bounded, writes in
//! batches, and retries until the bus accepts them. It is separate from the reports on tracked
//! events: a storm of connections must not delay those.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

use crate::bus::{SharedBus, UserLogEntry};
use crate::lifecycle::{millis, uptime_millis, wall_clock};
use crate::telemetry::Metrics;

/// Maximum number of queued entries.
const MAX_WAITING: usize = 100_000;
/// Maximum number of entries in one request to the bus.
const BATCH: usize = 512;
/// Pause after a batch, to collect entries for the next one.
const GATHER: Duration = Duration::from_millis(20);
/// Pause after an error of the bus, plus a random part of the same length.
const RETRY: Duration = Duration::from_millis(500);
/// A rejection for the same reason is recorded once in this time, or it would push out other
/// entries.
const REPEAT_MILLIS: u64 = 60_000;
/// Maximum number of rejections remembered for that.
const MAX_REJECTIONS: usize = 10_000;

/// Writer of the users' connection logs.
pub struct ConnectionLog {
    node: NodeId,
    /// Maximum number of entries in a user's log. With 0, nothing is written.
    max_entries: usize,
    waiting: Mutex<Waiting>,
    changed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<UserLogEntry>,
    /// Number of entries taken from the queue and not yet written.
    in_flight: usize,
    rejections: HashSet<(Channel, Box<str>)>,
    /// When `rejections` was last cleared.
    cleared_at: u64,
}

impl ConnectionLog {
    pub(super) fn new(node: NodeId, max_entries: usize, metrics: Arc<Metrics>) -> Self {
        Self { node, max_entries, waiting: Mutex::default(), changed: Notify::new(), metrics }
    }

    /// Records an event of a user's connection.
    pub fn record(&self, user: &Channel, id: ConnectionId, device: Option<&str>, what: ConnectionEvent) {
        self.add(user, || ConnectionLogEntry::of_connection(millis(wall_clock()), id, device, what));
    }

    /// Records that a client of the user was rejected.
    pub fn rejected(&self, user: &Channel, why: &str) {
        if self.max_entries > 0 && self.lock().is_new_rejection(user, why, uptime_millis()) {
            self.node(user, ConnectionEvent::Rejected { why: why.into() });
        }
    }

    /// Records that the user's connections to this node miss the events between these cursors.
    pub(super) fn gap(&self, channel: &Channel, after: Cursor, before: Option<Cursor>) {
        // Other channels have too many subscribers to record it for each of them.
        if matches!(channel.kind(), Kind::User(_)) {
            self.node(channel, ConnectionEvent::Gap { channel: channel.as_str().into(), after, before });
        }
    }

    fn node(&self, user: &Channel, what: ConnectionEvent) {
        self.add(user, || ConnectionLogEntry::of_node(millis(wall_clock()), self.node, what));
    }

    fn add(&self, user: &Channel, entry: impl FnOnce() -> ConnectionLogEntry) {
        if self.max_entries == 0 {
            return;
        }
        let entry = UserLogEntry { user: user.clone(), entry: entry() };
        let mut waiting = self.lock();
        if waiting.entries.len() >= MAX_WAITING {
            return self.metrics.report_overflows.with_label_values(&["history"]).inc();
        }
        waiting.entries.push_back(entry);
        drop(waiting);
        self.changed.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.entries.is_empty() && waiting.in_flight == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_new_rejection(&mut self, user: &Channel, why: &str, now: u64) -> bool {
        if self.cleared_at + REPEAT_MILLIS <= now || self.rejections.len() >= MAX_REJECTIONS {
            (self.rejections, self.cleared_at) = (HashSet::new(), now);
        }
        self.rejections.insert((user.clone(), why.into()))
    }

    fn take(&mut self) -> Vec<UserLogEntry> {
        let some = self.entries.len().min(BATCH);
        self.in_flight = some;
        let taken = self.entries.drain(..some).collect();
        if self.entries.is_empty() {
            // Frees the memory of a burst.
            self.entries = VecDeque::new();
        }
        taken
    }

    fn put_back(&mut self, taken: Vec<UserLogEntry>) {
        self.in_flight = 0;
        for entry in taken.into_iter().rev() {
            self.entries.push_front(entry);
        }
    }
}

/// Writes entries while the process runs.
pub(super) async fn run(log: Arc<ConnectionLog>, bus: SharedBus) {
    loop {
        let taken = log.lock().take();
        if taken.is_empty() {
            log.changed.notified().await;
            continue;
        }
        let answer = bus.append_connection_log(&taken, log.max_entries).await;
        let failed = answer.is_err();
        log.lock().put_back(if failed { taken } else { Vec::new() });
        if let Err(error) = answer {
            tracing::debug!(%error, "cannot write connection log entries; retrying");
            tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        } else {
            tokio::time::sleep(GATHER).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection_log(max_entries: usize) -> ConnectionLog {
        ConnectionLog::new(NodeId::from_bits(7), max_entries, Arc::new(Metrics::new().unwrap()))
    }

    #[test]
    fn rejected_batch_is_written_again_first() {
        let (log, user) = (connection_log(20), Channel::user("42").unwrap());
        for why in ["a", "b", "c"] {
            log.node(&user, ConnectionEvent::Closed { why: why.into() });
        }
        let taken = log.lock().take();
        assert!(!log.is_empty(), "the batch is in flight");
        log.node(&user, ConnectionEvent::Closed { why: "d".into() });
        log.lock().put_back(taken.clone());
        let again = log.lock().take();
        assert_eq!((again.len(), &again[..3]), (4, &taken[..]));
        log.lock().put_back(Vec::new());
        assert!(log.is_empty());
    }

    #[test]
    fn repeated_rejection_is_recorded_once_a_minute() {
        let (log, user) = (connection_log(20), Channel::user("42").unwrap());
        for why in ["token_expired", "token_expired", "too_many", "token_expired"] {
            log.rejected(&user, why);
        }
        assert_eq!(log.lock().entries.len(), 2);
        assert!(log.lock().is_new_rejection(&user, "token_expired", REPEAT_MILLIS));
    }

    #[test]
    fn disabled_log_keeps_nothing() {
        let (log, user) = (connection_log(0), Channel::user("42").unwrap());
        log.node(&user, ConnectionEvent::Closed { why: "a".into() });
        log.rejected(&user, "too_many");
        assert!(log.is_empty());
    }
}
