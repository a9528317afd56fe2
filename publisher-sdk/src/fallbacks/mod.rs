//! Fallbacks: a service takes over what no device has acknowledged by its deadline.
//!
//! An event gets into the fallback stream exactly once. From there a consumer group hands it to one of the group's
//! workers, at least once: where a worker dies after it has sent the text message and before it has said so, another
//! sends it again. So what a handler does should be harmless twice; the event's id tells.

mod claim;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

pub use self::claim::{Claim, Fallback};
use crate::error::{ConnectError, PublishError};
use crate::worker::{Backlog, Worker, WorkerBuilder, WorkerCounters};

/// One worker of a consumer group on the fallback stream. Cheap to clone; all clones are the same worker.
///
/// ```no_run
/// use wirebell_publisher::{Fallback, Fallbacks};
///
/// # async fn send_text_message(fallback: &Fallback) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let fallbacks = Fallbacks::connect("redis://127.0.0.1:6379", "text-messages").await?;
/// // Until `close` is called on a clone of it.
/// fallbacks.run(|fallback| async move { send_text_message(&fallback).await }).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Fallbacks(Arc<Worker<Fallback>>);

/// What a worker on the fallback stream is made from.
pub type FallbacksBuilder = WorkerBuilder<Fallbacks>;

impl WorkerBuilder<Fallbacks> {
    /// Makes the worker. A Redis that cannot be reached is no error: it is tried again until it is there. A wrong
    /// password is one, and so is a URL that is not one of Redis.
    ///
    /// A group that is new gets everything that has fallen back before and still stands in the stream.
    pub async fn connect(self) -> Result<Fallbacks, ConnectError> {
        Ok(Fallbacks(Arc::new(self.start().await?)))
    }
}

impl Fallbacks {
    /// A worker of the group, with what is usual for everything else. See [`FallbacksBuilder::connect`].
    pub async fn connect(url: &str, group: &str) -> Result<Self, ConnectError> {
        Self::builder(url, group).connect().await
    }

    /// A worker of the group, step by step.
    pub fn builder(url: &str, group: &str) -> FallbacksBuilder {
        FallbacksBuilder::new(url, group)
    }

    /// The next event to be taken over; none once the worker is closed. Nothing is lost where the future is dropped.
    pub async fn next(&self) -> Option<Claim> {
        self.0.next().await.map(Claim)
    }

    /// Hands every event to the handler, several at a time, until the worker is closed, and returns when the last
    /// handler has. What fails is tried again later, and ends as a dead letter: see
    /// [`WorkerBuilder::tries`].
    pub async fn run<H, F, E>(&self, handler: H)
    where
        H: Fn(Fallback) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        self.0.run(|held| handle(Claim(held), &handler)).await;
    }

    /// How much waits for the group.
    pub async fn backlog(&self) -> Result<Backlog, PublishError> {
        self.0.backlog().await
    }

    /// What this worker has done so far.
    pub fn counters(&self) -> WorkerCounters {
        self.0.counters()
    }

    /// Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout`, and gives back the rest:
    /// other workers get it at once. Answers how many were still in hand at the end: they are tried again by others once
    /// this worker counts as gone.
    pub async fn close(&self, timeout: Duration) -> usize {
        self.0.close(timeout).await
    }
}

async fn handle<H, F, E>(claim: Claim, handler: &H)
where
    H: Fn(Fallback) -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let id = claim.id.clone();
    let finished = match handler(claim.fallback().clone()).await {
        Ok(()) => claim.done().await,
        Err(error) => claim.failed(&error.to_string()).await,
    };
    if let Err(error) = finished {
        tracing::warn!(id, %error, "nobody was told how taking over an event ended: it will be tried again");
    }
}
