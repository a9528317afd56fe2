//! An entry in a worker's hand, until it says how that ended.

use std::sync::Arc;

use wirebell_protocol::inbox::Answer;

use super::desk::Desk;
use super::work::Work;
use crate::error::PublishError;
use crate::redis::Entry;
use crate::retry::until;

/// Dropped without a word, it is tried again once the worker counts as gone from it.
#[derive(Debug)]
pub(crate) struct Held<T: Work> {
    desk: Arc<Desk<T>>,
    entry: Entry,
    pub(crate) item: T,
}

impl<T: Work> Held<T> {
    pub(super) fn new(desk: Arc<Desk<T>>, entry: Entry, item: T) -> Self {
        Self { desk, entry, item }
    }

    /// It is done with. An error means that Redis could not be told: it will be handed out once more.
    pub(crate) async fn done(self) -> Result<(), PublishError> {
        let place = std::slice::from_ref(&self.entry.place);
        until(self.desk.settings.timeout, || self.desk.group.done(place)).await?;
        self.desk.count(|counters| counters.done += 1);
        Ok(())
    }

    /// The same, and whoever has emitted it is told the answer.
    pub(crate) async fn answered(self, answer: &Answer) -> Result<(), PublishError> {
        until(self.desk.settings.timeout, || self.desk.group.answer(&self.entry, answer)).await?;
        self.desk.count(|counters| counters.done += 1);
        Ok(())
    }

    /// It failed, for this reason: it is tried again later, or becomes a dead letter if that was the last try.
    pub(crate) async fn failed(self, id: &str, reason: &str) -> Result<(), PublishError> {
        self.desk.count(|counters| counters.failed += 1);
        if self.entry.tries < self.desk.settings.tries {
            self.desk.later(self.entry.clone());
            return Ok(());
        }
        tracing::error!(id, reason, tries = self.entry.tries, "an event has become a dead letter");
        until(self.desk.settings.timeout, || self.desk.group.bury(&self.entry, reason)).await?;
        self.desk.count(|counters| counters.dead += 1);
        Ok(())
    }
}

impl<T: Work> Drop for Held<T> {
    fn drop(&mut self) {
        self.desk.let_go(&self.entry.place, self.item.turn());
    }
}
