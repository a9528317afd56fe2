//! The background task of a worker. It reads the streams as there is capacity, takes over entries
//! of workers that are gone, renews leases, and schedules retries. It survives every outage.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Job;
use super::queue::LeaseQueue;
use crate::failure::Failure;
use crate::redis::{Entry, has_code};
use crate::retry::Backoff;

/// How often the Streams are polled while entries arrive.
const BUSY_POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The longest pause after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Most entries read from one shard at once.
const MAX_ENTRIES_PER_READ: usize = 32;

/// Runs until it is aborted.
pub(super) async fn run<T: Job>(queue: Arc<LeaseQueue<T>>) {
    let mut reader = StreamReader { queue, opened: false, last_renewal: Instant::now(), last_takeover: None };
    let mut backoff = Backoff::up_to(MAX_BACKOFF);
    let mut is_outage = false;
    loop {
        match reader.poll().await {
            Ok(found) => {
                if std::mem::take(&mut is_outage) {
                    tracing::info!(streams = T::STREAMS, "streams can be read again");
                }
                backoff.reset();
                sleep(if found { BUSY_POLL_INTERVAL } else { T::POLL_INTERVAL }).await;
            }
            Err(failure) => {
                if !std::mem::replace(&mut is_outage, true) {
                    tracing::warn!(streams = T::STREAMS, error = %failure.error, "cannot read streams; retrying");
                }
                sleep(backoff.wait(failure.retry_after())).await;
            }
        }
    }
}

struct StreamReader<T> {
    queue: Arc<LeaseQueue<T>>,
    opened: bool,
    /// When the leases were renewed last.
    last_renewal: Instant,
    last_takeover: Option<Instant>,
}

impl<T: Job> StreamReader<T> {
    /// Polls once. Returns whether there were new entries.
    async fn poll(&mut self) -> Result<bool, Failure> {
        let interval = self.queue.settings.gone_after / 3;
        if !self.opened {
            self.queue.group.open().await?;
            self.opened = true;
        }
        if self.last_renewal.elapsed() >= interval {
            self.queue.group.renew(&self.queue.in_flight_ids()).await?;
            self.last_renewal = Instant::now();
        }
        self.retry_due().await?;
        let capacity = self.queue.capacity();
        if capacity == 0 {
            return Ok(false);
        }
        if self.last_takeover.is_none_or(|last| last.elapsed() >= interval) {
            let taken =
                self.queue.group.take_over(self.queue.settings.gone_after, &self.queue.in_flight_ids()).await?;
            self.last_takeover = Some(Instant::now());
            self.queue.count(|counters| counters.taken_over += taken.len() as u64);
            self.accept(taken).await?;
        }
        let new = match self.queue.group.read(capacity.div_ceil(8).min(MAX_ENTRIES_PER_READ)).await {
            // The streams are gone, as in a Redis that restarted empty: create the group again.
            Err(failure) if has_code(&failure, "NOGROUP") => {
                self.opened = false;
                return Err(failure);
            }
            new => new?,
        };
        let found = !new.is_empty();
        self.accept(new).await?;
        Ok(found)
    }

    /// Queues entries. Those that exceeded their attempts or cannot be parsed become dead letters.
    async fn accept(&self, entries: Vec<Entry>) -> Result<(), Failure> {
        let max_attempts = self.queue.settings.tries;
        let (exhausted, readable): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|entry| entry.attempts > max_attempts);
        let unreadable = self.queue.take(readable);
        let reasons = [(exhausted, "its workers died over it"), (unreadable, "it cannot be read")];
        for (entries, reason) in reasons {
            for entry in entries {
                tracing::error!(entry = entry.id.1, reason, "an event became a dead letter");
                self.queue.group.dead_letter(&entry, reason).await?;
                self.queue.count(|counters| counters.dead += 1);
            }
        }
        Ok(())
    }

    /// Records the next attempt of each entry that is due, and queues it.
    async fn retry_due(&self) -> Result<(), Failure> {
        let mut due = self.queue.due().into_iter();
        while let Some(entry) = due.next() {
            let next = Entry { attempts: entry.attempts + 1, ..entry.clone() };
            // The attempt must be recorded in Redis, so that it counts even if this worker dies.
            if let Err(failure) = self.queue.group.retry(&next).await {
                // The remaining entries wait too: an entry outside of the queue would lose its
                // lease.
                self.queue.requeue_due(std::iter::once(entry).chain(due));
                return Err(failure);
            }
            self.queue.take(vec![next]);
        }
        Ok(())
    }
}
