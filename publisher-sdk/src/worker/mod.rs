//! A worker of a consumer group: it takes entries from Streams, hands them out, and sees to it that each is done with,
//! tried again or given up, whatever happens to this process, to others and to Redis.

mod builder;
mod desk;
mod feed;
mod held;
mod work;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

pub use self::builder::WorkerBuilder;
use self::desk::Desk;
pub(crate) use self::held::Held;
pub(crate) use self::work::Work;
use crate::error::PublishError;
use crate::retry::until;

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
pub struct WorkerCounters {
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

/// One worker, with the task that feeds it.
#[derive(Debug)]
pub(crate) struct Worker<T: Work> {
    desk: Arc<Desk<T>>,
    task: AbortHandle,
}

impl<T: Work> Worker<T> {
    fn start(desk: Arc<Desk<T>>, on: &Handle) -> Self {
        let task = on.spawn(feed::feed(Arc::clone(&desk))).abort_handle();
        Self { desk, task }
    }

    /// The next one; none once the worker is closed.
    pub(crate) async fn next(&self) -> Option<Held<T>> {
        Desk::next(&self.desk).await
    }

    /// Hands out everything, several at a time, until the worker is closed and the last one is handled.
    pub(crate) async fn run<F: Future<Output = ()>>(&self, handle: impl Fn(Held<T>) -> F) {
        let mut at_work = FuturesUnordered::new();
        let mut open = true;
        while open || !at_work.is_empty() {
            let has_room = open && at_work.len() < self.desk.settings.at_once;
            tokio::select! {
                held = self.next(), if has_room => match held {
                    Some(held) => at_work.push(handle(held)),
                    None => open = false,
                },
                Some(()) = at_work.next(), if !at_work.is_empty() => {}
            }
        }
    }

    pub(crate) async fn backlog(&self) -> Result<Backlog, PublishError> {
        let shards = until(self.desk.settings.timeout, || self.desk.group.backlog()).await?;
        Ok(shards.into_iter().fold(Backlog { lag: Some(0), ..Backlog::default() }, |sum, (lag, pending, dead)| {
            Backlog {
                lag: sum.lag.zip(lag).map(|(sum, lag)| sum + lag),
                pending: sum.pending + pending,
                dead: sum.dead + dead,
            }
        }))
    }

    pub(crate) fn counters(&self) -> WorkerCounters {
        self.desk.counters()
    }

    /// Takes nothing more, waits for what is handed out, and gives back the rest. Answers how many were still in hand.
    pub(crate) async fn close(&self, timeout: Duration) -> usize {
        let left = self.desk.close(timeout).await;
        self.task.abort();
        left
    }
}

impl<T: Work> Drop for Worker<T> {
    fn drop(&mut self) {
        self.desk.shut();
        self.task.abort();
    }
}
