//! A key set that changes while the node runs. Known keys are looked up without waiting; whoever needs an unknown one
//! asks the refresher, which is the only one that fetches, so that many who ask cause one fetch.

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

/// Between two fetches that tokens with unknown keys may cause. Anybody can make such a token.
const PAUSE: Duration = Duration::from_secs(5);
/// After a fetch that failed, unless the refresh comes sooner anyway.
const RETRY: Duration = Duration::from_secs(10);
/// How long a token with an unknown key waits for the refresher.
const PATIENCE: Duration = TIMEOUT.saturating_add(Duration::from_secs(1));

/// The set, and what keeps it fresh.
pub(super) struct Refreshed {
    source: Source,
    allowed: Vec<Algorithm>,
    every: Duration,
    on_fetch: OnFetch,
    keys: RwLock<Arc<KeySet>>,
    asked: Notify,
    answers: watch::Sender<u64>,
}

impl Refreshed {
    /// A set that begins with those keys, none if they are yet to be fetched.
    pub(super) fn new(
        source: Source,
        allowed: Vec<Algorithm>,
        every: Duration,
        keys: KeySet,
        on_fetch: OnFetch,
    ) -> Self {
        let (keys, answers) = (RwLock::new(Arc::new(keys)), watch::Sender::new(0));
        Self { source, allowed, every, on_fetch, keys, asked: Notify::new(), answers }
    }

    /// The keys that are known now.
    pub(super) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the set fetched again, unless that was done just now, and waits until it was.
    pub(super) async fn ask(&self) {
        let mut answers = self.answers.subscribe();
        self.asked.notify_one();
        // Neither a timeout nor a refresher that has gone changes what is done next: looking again.
        let _ = timeout(PATIENCE, answers.changed()).await;
    }

    /// Fetches when it is time and when somebody asks, for ever.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        let mut due = Instant::now();
        let mut last_asked: Option<Instant> = None;
        if !self.keys().is_empty() {
            due += self.every;
        }
        loop {
            let asked = tokio::select! {
                () = sleep_until(due) => false,
                () = self.asked.notified() => true,
            };
            if asked && last_asked.is_some_and(|at| at.elapsed() < PAUSE) {
                self.answer();
                continue;
            }
            if asked {
                last_asked = Some(Instant::now());
            }
            let pause = if self.fetch().await { self.every } else { self.every.min(RETRY) };
            due = Instant::now() + pause;
            // Whoever asked meanwhile is answered by this fetch.
            let _ = self.asked.notified().now_or_never();
            self.answer();
        }
    }

    fn answer(&self) {
        self.answers.send_modify(|answers| *answers += 1);
    }

    /// Fetches once. If it fails the known keys stay.
    async fn fetch(&self) -> bool {
        let document = self.source.get().await;
        let keys = document.and_then(|document| jwks::parse(&document, &self.allowed).map_err(str::to_owned));
        (self.on_fetch)(keys.is_ok());
        match keys {
            Ok(keys) => {
                debug!(?keys, "read the key set");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                true
            }
            Err(found) => {
                let kept = if self.keys().is_empty() { "no token can be verified" } else { "known keys stay good" };
                warn!(found, kept, "the key set could not be read");
                false
            }
        }
    }
}
