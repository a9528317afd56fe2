//! A claim: an event that this worker takes over, until it says how that ended.

use std::ops::Deref;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wirebell_protocol::Channel;

use super::desk::Desk;
use crate::error::PublishError;
use crate::redis::Entry;
use crate::retry::until;

/// An event that no device has acknowledged by its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The event's id: the same however often it is handed out.
    pub id: String,
    /// On which channel nobody has acknowledged it.
    pub channel: Channel,
    /// When it fell back, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
    /// The event as clients get it, in JSON.
    pub event: String,
    /// Which try this is, from 1.
    pub tries: u32,
}

/// A [`Fallback`] in this worker's hand. Dropped without a word, it is tried again once the worker counts as gone from
/// it.
#[derive(Debug)]
#[must_use = "say with `done` or `failed` how taking it over ended"]
pub struct Claim {
    desk: Arc<Desk>,
    entry: Entry,
    fallback: Fallback,
}

impl Fallback {
    /// Reads an entry of the stream; none if it is not one that a node writes.
    pub(super) fn read(entry: &Entry) -> Option<Self> {
        let field = |name: &str| entry.fields.get(name);
        Some(Self {
            id: field("id")?.clone(),
            channel: Channel::parse(field("channel")?).ok()?,
            at: field("at")?.parse().ok()?,
            event: field("event")?.clone(),
            tries: entry.tries,
        })
    }

    /// The event's `data`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        #[derive(Deserialize)]
        struct WithData<T> {
            data: T,
        }
        serde_json::from_str::<WithData<T>>(&self.event).map(|event| event.data)
    }
}

impl Claim {
    pub(super) fn new(desk: Arc<Desk>, entry: Entry, fallback: Fallback) -> Self {
        Self { desk, entry, fallback }
    }

    /// What is to be taken over.
    pub fn fallback(&self) -> &Fallback {
        &self.fallback
    }

    /// It is taken over. An error means that Redis could not be told: it will be handed out once more.
    pub async fn done(self) -> Result<(), PublishError> {
        let place = std::slice::from_ref(&self.entry.place);
        until(self.desk.settings.timeout, || self.desk.group.done(place)).await?;
        self.desk.count(|counters| counters.done += 1);
        Ok(())
    }

    /// It could not be taken over, for this reason: it is tried again later, or becomes a dead letter if that was the
    /// last try.
    pub async fn failed(self, reason: &str) -> Result<(), PublishError> {
        self.desk.count(|counters| counters.failed += 1);
        if self.entry.tries < self.desk.settings.tries {
            self.desk.later(self.entry.clone());
            return Ok(());
        }
        tracing::error!(id = self.id, reason, tries = self.entry.tries, "an event has become a dead letter");
        until(self.desk.settings.timeout, || self.desk.group.bury(&self.entry, reason)).await?;
        self.desk.count(|counters| counters.dead += 1);
        Ok(())
    }
}

impl Deref for Claim {
    type Target = Fallback;

    fn deref(&self) -> &Fallback {
        &self.fallback
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.desk.let_go(&self.entry.place);
    }
}
