//! Fallbacks: a service takes over what no device has acknowledged by its deadline.
//!
//! An event gets into the fallback stream exactly once. From there a consumer group hands it to one of the group's
//! workers, at least once: where a worker dies after it has sent the text message and before it has said so, another
//! sends it again. So what a handler does should be harmless twice; the event's id tells.

mod builder;
mod claim;
mod desk;
mod feed;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::AbortHandle;

pub use self::builder::FallbacksBuilder;
pub use self::claim::{Claim, Fallback};
use self::desk::Desk;
use crate::error::{ConnectError, PublishError};
use crate::retry::until;

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
pub struct Fallbacks(Arc<Worker>);

#[derive(Debug)]
struct Worker {
    desk: Arc<Desk>,
    task: AbortHandle,
}

/// How much waits for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Events that no worker has got yet; none if Redis does not know, as after entries were deleted by hand.
    pub lag: Option<u64>,
    /// Events that a worker has got and not finished: in its hand, waiting for another try, or its worker is gone.
    pub pending: u64,
    /// Dead letters, of all groups.
    pub dead: u64,
}

/// What a worker has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FallbackCounters {
    /// Handed out, each try counted.
    pub handed_out: u64,
    /// Finished.
    pub done: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Given up: they are dead letters now.
    pub dead: u64,
    /// Taken over from workers that were gone.
    pub taken_over: u64,
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

    fn start(desk: Arc<Desk>, on: &tokio::runtime::Handle) -> Self {
        let task = on.spawn(feed::feed(Arc::clone(&desk))).abort_handle();
        Self(Arc::new(Worker { desk, task }))
    }

    /// The next event to be taken over; none once the worker is closed. Nothing is lost where the future is dropped.
    pub async fn next(&self) -> Option<Claim> {
        Desk::next(&self.0.desk).await
    }

    /// Hands every event to the handler, several at a time, until the worker is closed, and returns when the last
    /// handler has. What fails is tried again later, and ends as a dead letter: see
    /// [`FallbacksBuilder::tries`].
    pub async fn run<H, F, E>(&self, handler: H)
    where
        H: Fn(Fallback) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let mut at_work = FuturesUnordered::new();
        let mut open = true;
        while open || !at_work.is_empty() {
            let has_room = open && at_work.len() < self.0.desk.settings.at_once;
            tokio::select! {
                claim = self.next(), if has_room => match claim {
                    Some(claim) => at_work.push(handle(claim, &handler)),
                    None => open = false,
                },
                Some(()) = at_work.next(), if !at_work.is_empty() => {}
            }
        }
    }

    /// How much waits for the group.
    pub async fn backlog(&self) -> Result<Backlog, PublishError> {
        let desk = &self.0.desk;
        let shards = until(desk.settings.timeout, || desk.group.backlog()).await?;
        Ok(shards.into_iter().fold(Backlog { lag: Some(0), ..Backlog::default() }, |sum, (lag, pending, dead)| {
            Backlog {
                lag: sum.lag.zip(lag).map(|(sum, lag)| sum + lag),
                pending: sum.pending + pending,
                dead: sum.dead + dead,
            }
        }))
    }

    /// What this worker has done so far.
    pub fn counters(&self) -> FallbackCounters {
        self.0.desk.counters()
    }

    /// Takes nothing more, waits for what is in somebody's hand, but no longer than `timeout`, and gives back the rest:
    /// other workers get it at once. Answers how many were still in hand at the end: they are tried again by others once
    /// this worker counts as gone.
    pub async fn close(&self, timeout: Duration) -> usize {
        let left = self.0.desk.close(timeout).await;
        self.0.task.abort();
        left
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

impl Drop for Worker {
    fn drop(&mut self) {
        self.desk.shut();
        self.task.abort();
    }
}
