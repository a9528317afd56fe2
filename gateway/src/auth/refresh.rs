//! A key set that is refreshed while the node runs.
//!
//! Lookups of known keys do not wait. A token with an unknown key requests a refresh. Only the
//! refresher fetches, so many concurrent requests cause one fetch.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use jsonwebtoken::Algorithm;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::fetch::{OnFetch, Source, TIMEOUT};
use super::jwks;
use super::keys::KeySet;

/// Minimum time between two fetches that unknown keys cause. Anyone can send a token with an
/// unknown key.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
/// The delay after a failed fetch, unless the regular refresh is sooner.
const RETRY_DELAY: Duration = Duration::from_secs(10);
/// How long a token with an unknown key waits for the refresher.
const WAIT_TIMEOUT: Duration = TIMEOUT.saturating_add(Duration::from_secs(1));

/// A key set and its refresher.
pub(super) struct RefreshedKeySet {
    source: Source,
    allowed: Vec<Algorithm>,
    interval: Duration,
    on_fetch: OnFetch,
    keys: RwLock<Arc<KeySet>>,
    requested: Notify,
    completed: watch::Sender<u64>,
}

impl RefreshedKeySet {
    /// Creates a set that starts with these keys; an empty one if they must be fetched first.
    pub(super) fn new(
        source: Source,
        allowed: Vec<Algorithm>,
        interval: Duration,
        keys: KeySet,
        on_fetch: OnFetch,
    ) -> Self {
        let (keys, completed) = (RwLock::new(Arc::new(keys)), watch::Sender::new(0));
        Self { source, allowed, interval, on_fetch, keys, requested: Notify::new(), completed }
    }

    /// Returns the current keys.
    pub(super) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests a fetch and waits for it, unless the last one was a moment ago.
    pub(super) async fn request_refresh(&self) {
        let mut completed = self.completed.subscribe();
        self.requested.notify_one();
        // After a timeout, or without a refresher, the caller still looks up the key again.
        let _ = timeout(WAIT_TIMEOUT, completed.changed()).await;
    }

    /// Fetches at the interval and on request. Never returns.
    pub(super) async fn run(self: Arc<Self>) {
        let mut due = Instant::now();
        let mut last_request: Option<Instant> = None;
        if !self.keys().is_empty() {
            due += self.interval;
        }
        loop {
            let requested = tokio::select! {
                () = sleep_until(due) => false,
                () = self.requested.notified() => true,
            };
            if requested && last_request.is_some_and(|at| at.elapsed() < MIN_INTERVAL) {
                self.notify_waiting();
                continue;
            }
            if requested {
                last_request = Some(Instant::now());
            }
            let delay = if self.fetch().await { self.interval } else { self.interval.min(RETRY_DELAY) };
            due = Instant::now() + delay;
            // This fetch also answers the requests made meanwhile.
            let _ = self.requested.notified().now_or_never();
            self.notify_waiting();
        }
    }

    fn notify_waiting(&self) {
        self.completed.send_modify(|count| *count += 1);
    }

    /// Fetches once, and returns whether that succeeded. After a failure, the known keys stay
    /// valid.
    async fn fetch(&self) -> bool {
        let document = self.source.get().await;
        let keys = document.and_then(|document| jwks::parse(&document, &self.allowed).map_err(str::to_owned));
        (self.on_fetch)(keys.is_ok());
        match keys {
            Ok(keys) => {
                debug!(?keys, "key set read");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                true
            }
            Err(found) => {
                let effect =
                    if self.keys().is_empty() { "no token can be verified" } else { "known keys stay valid" };
                warn!(found, effect, "cannot read the key set; retrying");
                false
            }
        }
    }
}
