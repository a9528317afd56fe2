//! What happens to users' sessions, on its way to their histories: in batches, tried again for as long as it takes,
//! bounded, and apart from the reports of watched events, which a storm of connections must not hold up.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::history::{Entry, Happened};
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

use crate::bus::{Happening, SharedBus};
use crate::lifecycle::{millis, uptime_millis, wall_clock};
use crate::telemetry::Metrics;

/// Entries that may wait.
const MOST: usize = 100_000;
/// Entries in one request to the bus.
const BATCH: usize = 512;
/// The pause after a batch: what comes meanwhile shares the next one.
const GATHER: Duration = Duration::from_millis(20);
/// The pause after the bus refused, with as much again by chance.
const RETRY: Duration = Duration::from_millis(500);
/// For so long, a client that is refused for the same reason again is no news: it must not push out the rest.
const REFUSED_MILLIS: u64 = 60_000;
/// Refusals that are remembered for that.
const MOST_REFUSALS: usize = 10_000;

/// What has happened and is not in the histories yet.
pub struct History {
    node: NodeId,
    /// Entries that a user's history keeps; none, and nothing is written.
    most: usize,
    waiting: Mutex<Waiting>,
    news: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Waiting {
    happenings: VecDeque<Happening>,
    /// Taken out, and not yet with the bus.
    on_their_way: usize,
    refused: HashSet<(Channel, Box<str>)>,
    /// When those were forgotten last.
    forgotten_at: u64,
}

impl History {
    pub(super) fn new(node: NodeId, most: usize, metrics: Arc<Metrics>) -> Self {
        Self { node, most, waiting: Mutex::default(), news: Notify::new(), metrics }
    }

    /// Something happened to a connection of the user's.
    pub fn connection(&self, user: &Channel, id: ConnectionId, device: Option<&str>, what: Happened) {
        self.add(user, || Entry::of_connection(millis(wall_clock()), id, device, what));
    }

    /// The user was not let in.
    pub fn refused(&self, user: &Channel, why: &str) {
        if self.most > 0 && self.lock().is_news(user, why, uptime_millis()) {
            self.node(user, Happened::Refused { why: why.into() });
        }
    }

    /// All of the user's connections with this node lack what came between these cursors.
    pub(super) fn gap(&self, channel: &Channel, after: Cursor, before: Option<Cursor>) {
        // A topic's listeners are too many to tell them all.
        if matches!(channel.kind(), Kind::User(_)) {
            self.node(channel, Happened::Gap { channel: channel.as_str().into(), after, before });
        }
    }

    fn node(&self, user: &Channel, what: Happened) {
        self.add(user, || Entry::of_node(millis(wall_clock()), self.node, what));
    }

    fn add(&self, user: &Channel, entry: impl FnOnce() -> Entry) {
        if self.most == 0 {
            return;
        }
        let happening = Happening { user: user.clone(), entry: entry() };
        let mut waiting = self.lock();
        if waiting.happenings.len() >= MOST {
            return self.metrics.report_overflows.with_label_values(&["history"]).inc();
        }
        waiting.happenings.push_back(happening);
        drop(waiting);
        self.news.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.happenings.is_empty() && waiting.on_their_way == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_news(&mut self, user: &Channel, why: &str, now: u64) -> bool {
        if self.forgotten_at + REFUSED_MILLIS <= now || self.refused.len() >= MOST_REFUSALS {
            (self.refused, self.forgotten_at) = (HashSet::new(), now);
        }
        self.refused.insert((user.clone(), why.into()))
    }

    fn take(&mut self) -> Vec<Happening> {
        let some = self.happenings.len().min(BATCH);
        self.on_their_way = some;
        let taken = self.happenings.drain(..some).collect();
        if self.happenings.is_empty() {
            // A storm must not leave its queue behind.
            self.happenings = VecDeque::new();
        }
        taken
    }

    fn put_back(&mut self, taken: Vec<Happening>) {
        self.on_their_way = 0;
        for happening in taken.into_iter().rev() {
            self.happenings.push_front(happening);
        }
    }
}

/// Writes for as long as the process lives.
pub(super) async fn run(history: Arc<History>, bus: SharedBus) {
    loop {
        let taken = history.lock().take();
        if taken.is_empty() {
            history.news.notified().await;
            continue;
        }
        let answer = bus.remember(&taken, history.most).await;
        let refused = answer.is_err();
        history.lock().put_back(if refused { taken } else { Vec::new() });
        if let Err(error) = answer {
            tracing::debug!(%error, "histories not written yet");
            tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        } else {
            tokio::time::sleep(GATHER).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(most: usize) -> History {
        History::new(NodeId::from_bits(7), most, Arc::new(Metrics::new().unwrap()))
    }

    #[test]
    fn what_the_bus_did_not_take_comes_first_again() {
        let (history, user) = (history(20), Channel::user("42").unwrap());
        for why in ["a", "b", "c"] {
            history.node(&user, Happened::Closed { why: why.into() });
        }
        let taken = history.lock().take();
        assert!(!history.is_empty(), "it is on its way");
        history.node(&user, Happened::Closed { why: "d".into() });
        history.lock().put_back(taken.clone());
        let again = history.lock().take();
        assert_eq!((again.len(), &again[..3]), (4, &taken[..]));
        history.lock().put_back(Vec::new());
        assert!(history.is_empty());
    }

    #[test]
    fn the_same_refusal_is_news_once() {
        let (history, user) = (history(20), Channel::user("42").unwrap());
        for why in ["token_expired", "token_expired", "too_many", "token_expired"] {
            history.refused(&user, why);
        }
        assert_eq!(history.lock().happenings.len(), 2);
        assert!(history.lock().is_news(&user, "token_expired", REFUSED_MILLIS));
    }

    #[test]
    fn without_histories_nothing_waits() {
        let (history, user) = (history(0), Channel::user("42").unwrap());
        history.node(&user, Happened::Closed { why: "a".into() });
        history.refused(&user, "too_many");
        assert!(history.is_empty());
    }
}
