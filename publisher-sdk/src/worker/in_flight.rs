//! An entry that a worker handles, until its result is reported.

use std::sync::Arc;

use wirebell_protocol::inbox::Answer;

use super::job::Job;
use super::queue::LeaseQueue;
use crate::error::PublishError;
use crate::redis::Entry;
use crate::retry::retry_until;

/// An entry in flight. If it is dropped without a result, it is retried once the worker counts as
/// gone.
#[derive(Debug)]
pub(crate) struct InFlight<T: Job> {
    queue: Arc<LeaseQueue<T>>,
    entry: Entry,
    pub(crate) job: T,
}

impl<T: Job> InFlight<T> {
    pub(super) fn new(queue: Arc<LeaseQueue<T>>, entry: Entry, job: T) -> Self {
        Self { queue, entry, job }
    }

    /// Acknowledges the entry. An error means that Redis could not be reached; the entry will be
    /// delivered again.
    pub(crate) async fn done(self) -> Result<(), PublishError> {
        let id = std::slice::from_ref(&self.entry.id);
        retry_until(self.queue.settings.timeout, || self.queue.group.acknowledge(id)).await?;
        self.queue.count(|counters| counters.done += 1);
        Ok(())
    }

    /// Acknowledges the entry and sends the reply to the client that emitted it.
    pub(crate) async fn answered(self, answer: &Answer) -> Result<(), PublishError> {
        retry_until(self.queue.settings.timeout, || self.queue.group.answer(&self.entry, answer)).await?;
        self.queue.count(|counters| counters.done += 1);
        Ok(())
    }

    /// Reports a failure. The entry is retried later, or becomes a dead letter after the last
    /// attempt.
    pub(crate) async fn failed(self, id: &str, reason: &str) -> Result<(), PublishError> {
        self.queue.count(|counters| counters.failed += 1);
        if self.entry.attempts < self.queue.settings.tries {
            self.queue.retry_later(self.entry.clone());
            return Ok(());
        }
        tracing::error!(id, reason, tries = self.entry.attempts, "an event became a dead letter");
        retry_until(self.queue.settings.timeout, || self.queue.group.dead_letter(&self.entry, reason)).await?;
        self.queue.count(|counters| counters.dead += 1);
        Ok(())
    }
}

impl<T: Job> Drop for InFlight<T> {
    fn drop(&mut self) {
        self.queue.release(&self.entry.id, self.job.ordering_key());
    }
}
