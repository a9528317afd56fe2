//! A worker of a consumer group. It reads entries from Streams and hands them to handlers. It
//! ensures that each entry is acknowledged, retried or made a dead letter, through crashes of
//! workers and outages of Redis.
//!
//! `reader` fills the queue, `queue` holds the leases, `in_flight` reports results. What an entry
//! means is decided in `inbox` and `fallbacks`.

mod builder;
mod in_flight;
mod job;
mod queue;
mod reader;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use self::builder::WorkerBuilder;
pub(crate) use self::in_flight::InFlight;
pub(crate) use self::job::Job;
use self::queue::LeaseQueue;
use crate::error::PublishError;
use crate::retry::retry_until;

/// How many events wait for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Events that no worker has read; `None` if Redis does not know, for example after entries
    /// were deleted by hand.
    pub lag: Option<u64>,
    /// Events read and not finished: being handled, waiting for a retry, or left by a worker that
    /// is gone.
    pub pending: u64,
    /// Dead letters of all groups.
    pub dead: u64,
}

/// Counts a worker's events since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerCounters {
    /// Handed to a handler, each attempt counted.
    pub handed_out: u64,
    /// Acknowledged.
    pub done: u64,
    /// Failed attempts.
    pub failed: u64,
    /// Made dead letters.
    pub dead: u64,
    /// Taken over from workers that are gone.
    pub taken_over: u64,
}

/// A worker with its background task.
#[derive(Debug)]
pub(crate) struct Worker<T: Job> {
    queue: Arc<LeaseQueue<T>>,
    task: AbortHandle,
}

impl<T: Job> Worker<T> {
    fn start(queue: Arc<LeaseQueue<T>>, on: &Handle) -> Self {
        let task = on.spawn(reader::run(Arc::clone(&queue))).abort_handle();
        Self { queue, task }
    }

    /// Waits for the next entry; `None` once the worker is closed.
    pub(crate) async fn next(&self) -> Option<InFlight<T>> {
        let (entry, job) = self.queue.next().await?;
        Some(InFlight::new(Arc::clone(&self.queue), entry, job))
    }

    /// Handles all entries, several at a time, until the worker is closed and the last one is
    /// handled.
    pub(crate) async fn run<F: Future<Output = ()>>(&self, handle: impl Fn(InFlight<T>) -> F) {
        let mut running = FuturesUnordered::new();
        let mut open = true;
        while open || !running.is_empty() {
            let has_room = open && running.len() < self.queue.settings.at_once;
            tokio::select! {
                in_flight = self.next(), if has_room => match in_flight {
                    Some(in_flight) => running.push(handle(in_flight)),
                    None => open = false,
                },
                Some(()) = running.next(), if !running.is_empty() => {}
            }
        }
    }

    pub(crate) async fn backlog(&self) -> Result<Backlog, PublishError> {
        let shards = retry_until(self.queue.settings.timeout, || self.queue.group.backlog()).await?;
        Ok(shards.into_iter().fold(Backlog { lag: Some(0), ..Backlog::default() }, |sum, (lag, pending, dead)| {
            Backlog {
                lag: sum.lag.zip(lag).map(|(sum, lag)| sum + lag),
                pending: sum.pending + pending,
                dead: sum.dead + dead,
            }
        }))
    }

    pub(crate) fn counters(&self) -> WorkerCounters {
        self.queue.counters()
    }

    /// Stops taking entries, waits for those being handled, and releases the rest. Returns how many
    /// are still in flight.
    pub(crate) async fn close(&self, timeout: Duration) -> usize {
        let left = self.queue.close(timeout).await;
        self.task.abort();
        left
    }
}

impl<T: Job> Drop for Worker<T> {
    fn drop(&mut self) {
        self.queue.stop();
        self.task.abort();
    }
}
