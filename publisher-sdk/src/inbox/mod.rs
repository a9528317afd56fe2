//! The inbox: services handle events that clients emit, and reply to them without holding a socket.
//!
//! An event is in the inbox once. Each service receives it, that is, one worker of each consumer
//! group, at least once: if a worker dies after it has handled the event and before it has
//! acknowledged it, another worker handles it again. Handlers should therefore be idempotent; the
//! event's id identifies repeats.
//!
//! This module owns the public types and the handlers; reading, leases and retries are in `worker`.

mod claim;
mod event;

use std::collections::HashMap;
use std::fmt::Display;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;

pub use self::claim::InboxClaim;
pub use self::event::InboxEvent;
use crate::error::{ConnectError, PublishError};
use crate::worker::{Backlog, Worker, WorkerBuilder, WorkerCounters};

/// A worker of a service on the inbox. Cheap to clone; all clones are the same worker.
///
/// ```no_run
/// use wirebell_publisher::{Inbox, InboxEvent};
///
/// # async fn keep(message: String) -> Result<u64, std::io::Error> { Ok(message.len() as u64) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = Inbox::connect("redis://127.0.0.1:6379", "chat").await?;
/// inbox.on("send-message", |event: InboxEvent| async move {
///     let message: String = event.data()?;
///     // The returned value is the reply to the client; an error causes a retry.
///     keep(message).await.map_err(Box::<dyn std::error::Error>::from)
/// });
/// // Returns after `close` is called on a clone.
/// inbox.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Inbox {
    worker: Arc<Worker<InboxEvent>>,
    handlers: Arc<RwLock<HashMap<String, Handler>>>,
}

/// Options of a worker on the inbox.
pub type InboxBuilder = WorkerBuilder<Inbox>;

/// The reply in JSON, or the reason why handling failed.
type Handled = Pin<Box<dyn Future<Output = Result<Box<str>, String>> + Send>>;
type Handler = Arc<dyn Fn(InboxEvent) -> Handled + Send + Sync>;

impl WorkerBuilder<Inbox> {
    /// Creates the worker. An unreachable Redis is no error: the worker retries until Redis is
    /// available. A wrong password and a URL that is not a Redis URL are errors.
    ///
    /// A new service begins with the oldest event that is still in the inbox.
    pub async fn connect(self) -> Result<Inbox, ConnectError> {
        Ok(Inbox { worker: Arc::new(self.start().await?), handlers: Arc::default() })
    }
}

impl Inbox {
    /// Creates a worker of the service with default options. See [`InboxBuilder::connect`].
    pub async fn connect(url: &str, service: &str) -> Result<Self, ConnectError> {
        Self::builder(url, service).connect().await
    }

    /// Returns a builder for a worker of the service.
    pub fn builder(url: &str, service: &str) -> InboxBuilder {
        InboxBuilder::new(url, service)
    }

    /// Registers the handler of an event type and replaces an earlier one. The handler's value is
    /// the reply to the client; `()` replies `null`. An error causes a retry: see
    /// [`WorkerBuilder::tries`].
    pub fn on<H, F, R, E>(&self, kind: &str, handler: H) -> &Self
    where
        H: Fn(InboxEvent) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize,
        E: Display,
    {
        let handler: Handler = Arc::new(move |event| {
            let handling = handler(event);
            Box::pin(async move {
                match handling.await {
                    Ok(answer) => claim::json(&answer),
                    Err(error) => Err(error.to_string()),
                }
            })
        });
        self.handlers.write().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned(), handler);
        self
    }

    /// Calls the handler of each event's type, several at a time but one at a time for each user,
    /// until the worker is closed. Returns when the last handler has finished. Events without a
    /// handler are skipped.
    pub async fn run(&self) {
        self.worker.run(|in_flight| self.handle(InboxClaim(in_flight))).await;
    }

    async fn handle(&self, claim: InboxClaim) {
        let id = claim.id.clone();
        let handler = self.handlers.read().unwrap_or_else(PoisonError::into_inner).get(&claim.kind).cloned();
        let finished = match handler {
            None => claim.pass_over().await,
            Some(handler) => match handler(claim.event().clone()).await {
                Ok(answer) => claim.answered(answer).await,
                Err(reason) => claim.failed(&reason).await,
            },
        };
        if let Err(error) = finished {
            tracing::warn!(id, %error, "cannot report the result of an inbox event; it will be retried");
        }
    }

    /// Waits for the next event of any type. Returns `None` once the worker is closed. Cancel safe:
    /// dropping the future loses no event.
    pub async fn next(&self) -> Option<InboxClaim> {
        self.worker.next().await.map(InboxClaim)
    }

    /// Returns how many events wait for the service.
    pub async fn backlog(&self) -> Result<Backlog, PublishError> {
        self.worker.backlog().await
    }

    /// Returns the worker's counters. Skipped events count as done.
    pub fn counters(&self) -> WorkerCounters {
        self.worker.counters()
    }

    /// Stops taking events, waits up to `timeout` for those in flight, and releases the rest to
    /// other workers at once. Returns how many were still in flight at the end. Other workers retry
    /// those once this worker counts as gone.
    pub async fn close(&self, timeout: Duration) -> usize {
        self.worker.close(timeout).await
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("worker", &self.worker).finish_non_exhaustive()
    }
}
