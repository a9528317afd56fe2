//! The inbox: a service handles what clients emit, and answers them, without holding a socket.
//!
//! An event is in the inbox once. From there each service gets it, that is one worker of each consumer group, at least
//! once: where a worker dies after it has handled the event and before it has said so, another handles it again. So what a
//! handler does should be harmless twice; the event's id tells.

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

/// One worker of a service on the inbox. Cheap to clone; all clones are the same worker.
///
/// ```no_run
/// use wirebell_publisher::{Inbox, InboxEvent};
///
/// # async fn keep(message: String) -> Result<u64, std::io::Error> { Ok(message.len() as u64) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = Inbox::connect("redis://127.0.0.1:6379", "chat").await?;
/// inbox.on("send-message", |event: InboxEvent| async move {
///     let message: String = event.data()?;
///     // What is returned is the answer to the client; an error means another try.
///     keep(message).await.map_err(Box::<dyn std::error::Error>::from)
/// });
/// // Until `close` is called on a clone of it.
/// inbox.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Inbox {
    worker: Arc<Worker<InboxEvent>>,
    handlers: Arc<RwLock<HashMap<String, Handler>>>,
}

/// What a service on the inbox is made from.
pub type InboxBuilder = WorkerBuilder<Inbox>;

/// The answer in JSON, or why there is none this time.
type Handled = Pin<Box<dyn Future<Output = Result<Box<str>, String>> + Send>>;
type Handler = Arc<dyn Fn(InboxEvent) -> Handled + Send + Sync>;

impl WorkerBuilder<Inbox> {
    /// Makes the worker. A Redis that cannot be reached is no error: it is tried again until it is there. A wrong
    /// password is one, and so is a URL that is not one of Redis.
    ///
    /// A service that is new gets everything that the inbox still keeps.
    pub async fn connect(self) -> Result<Inbox, ConnectError> {
        Ok(Inbox { worker: Arc::new(self.start().await?), handlers: Arc::default() })
    }
}

impl Inbox {
    /// A worker of the service, with what is usual for everything else. See [`InboxBuilder::connect`].
    pub async fn connect(url: &str, service: &str) -> Result<Self, ConnectError> {
        Self::builder(url, service).connect().await
    }

    /// A worker of the service, step by step.
    pub fn builder(url: &str, service: &str) -> InboxBuilder {
        InboxBuilder::new(url, service)
    }

    /// Names the handler of a type; a later one takes the place of an earlier. What it returns is the answer to the client,
    /// `()` for none. An error means another try: see [`WorkerBuilder::tries`].
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

    /// Hands every event to the handler of its type, several at a time and one user's one after the other, until the worker
    /// is closed, and returns when the last handler has. Events whose type has no handler are passed over.
    pub async fn run(&self) {
        self.worker.run(|held| self.handle(InboxClaim(held))).await;
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
            tracing::warn!(id, %error, "nobody was told how handling an event ended: it will be tried again");
        }
    }

    /// The next event, of whatever type; none once the worker is closed. Nothing is lost where the future is dropped.
    pub async fn next(&self) -> Option<InboxClaim> {
        self.worker.next().await.map(InboxClaim)
    }

    /// How much waits for the service.
    pub async fn backlog(&self) -> Result<Backlog, PublishError> {
        self.worker.backlog().await
    }

    /// What this worker has done so far; what was passed over counts as done.
    pub fn counters(&self) -> WorkerCounters {
        self.worker.counters()
    }

    /// Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout`, and gives back the rest:
    /// other workers get it at once. Answers how many were still in hand at the end: they are tried again by others once
    /// this worker counts as gone.
    pub async fn close(&self, timeout: Duration) -> usize {
        self.worker.close(timeout).await
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("worker", &self.worker).finish_non_exhaustive()
    }
}
