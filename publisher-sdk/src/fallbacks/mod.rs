//! Workers on the fallback stream, for events that no device acknowledged by their deadline.
//!
//! An event is added to the fallback stream exactly once. A consumer group delivers it to one of
//! the group's workers at least once: if a worker dies after it has sent a text message and before
//! it has acknowledged the event, another worker sends the message again. Handlers should therefore
//! be idempotent; the event's id identifies repeats.
//!
//! This module owns the public types; reading, leases and retries are in `worker`.

mod claim;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

pub use self::claim::{Claim, Fallback};
use crate::error::{ConnectError, PublishError};
use crate::worker::{Backlog, Worker, WorkerBuilder, WorkerCounters};

/// A worker of a consumer group on the fallback stream. Cheap to clone; all clones are the same
/// worker.
///
/// ```no_run
/// use wirebell_publisher::{Fallback, Fallbacks};
///
/// # async fn send_text_message(fallback: &Fallback) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let fallbacks = Fallbacks::connect("redis://127.0.0.1:6379", "text-messages").await?;
/// // Returns after `close` is called on a clone.
/// fallbacks.run(|fallback| async move { send_text_message(&fallback).await }).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Fallbacks(Arc<Worker<Fallback>>);

/// Options of a worker on the fallback stream.
pub type FallbacksBuilder = WorkerBuilder<Fallbacks>;

impl WorkerBuilder<Fallbacks> {
    /// Creates the worker. An unreachable Redis is no error: the worker retries until Redis is
    /// available. A wrong password and a URL that is not a Redis URL are errors.
    ///
    /// A new group begins with the oldest fallback event that is still in the stream.
    pub async fn connect(self) -> Result<Fallbacks, ConnectError> {
        Ok(Fallbacks(Arc::new(self.start().await?)))
    }
}

impl Fallbacks {
    /// Creates a worker of the group with default options. See [`FallbacksBuilder::connect`].
    pub async fn connect(url: &str, group: &str) -> Result<Self, ConnectError> {
        Self::builder(url, group).connect().await
    }

    /// Returns a builder for a worker of the group.
    pub fn builder(url: &str, group: &str) -> FallbacksBuilder {
        FallbacksBuilder::new(url, group)
    }

    /// Waits for the next event. Returns `None` once the worker is closed. Cancel safe: dropping
    /// the future loses no event.
    pub async fn next(&self) -> Option<Claim> {
        self.0.next().await.map(Claim)
    }

    /// Calls the handler for every event, several at a time, until the worker is closed. Returns
    /// when the last handler has finished. Failed events are retried later and end as dead letters:
    /// see [`WorkerBuilder::tries`].
    pub async fn run<H, F, E>(&self, handler: H)
    where
        H: Fn(Fallback) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        self.0.run(|in_flight| handle(Claim(in_flight), &handler)).await;
    }

    /// Returns how many events wait for the group.
    pub async fn backlog(&self) -> Result<Backlog, PublishError> {
        self.0.backlog().await
    }

    /// Returns the worker's counters.
    pub fn counters(&self) -> WorkerCounters {
        self.0.counters()
    }

    /// Stops taking events, waits up to `timeout` for those in flight, and releases the rest to
    /// other workers at once. Returns how many were still in flight at the end. Other workers retry
    /// those once this worker counts as gone.
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
        tracing::warn!(id, %error, "cannot report the result of a fallback event; it will be retried");
    }
}
