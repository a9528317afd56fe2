//! A claim: an event that this worker takes over, until it says how that ended.

use std::ops::Deref;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wirebell_protocol::Channel;

use crate::error::PublishError;
use crate::redis::{Entry, Kind};
use crate::worker::{Held, Work};

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
pub struct Claim(pub(super) Held<Fallback>);

impl Fallback {
    /// The event's `data`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        #[derive(Deserialize)]
        struct WithData<T> {
            data: T,
        }
        serde_json::from_str::<WithData<T>>(&self.event).map(|event| event.data)
    }
}

impl Work for Fallback {
    const KIND: Kind = Kind::Fallback;
    const STREAMS: &'static str = "fallbacks";
    /// It has waited for its deadline: a moment more does not count.
    const LOOK_EVERY: Duration = Duration::from_millis(150);

    fn read(entry: &Entry) -> Option<Self> {
        let field = |name: &str| entry.fields.get(name);
        Some(Self {
            id: field("id")?.clone(),
            channel: Channel::parse(field("channel")?).ok()?,
            at: field("at")?.parse().ok()?,
            event: field("event")?.clone(),
            tries: entry.tries,
        })
    }

    fn turn(&self) -> Option<&str> {
        None
    }
}

impl Claim {
    /// What is to be taken over.
    pub fn fallback(&self) -> &Fallback {
        &self.0.item
    }

    /// It is taken over. An error means that Redis could not be told: it will be handed out once more.
    pub async fn done(self) -> Result<(), PublishError> {
        self.0.done().await
    }

    /// It could not be taken over, for this reason: it is tried again later, or becomes a dead letter if that was the
    /// last try.
    pub async fn failed(self, reason: &str) -> Result<(), PublishError> {
        let id = self.id.clone();
        self.0.failed(&id, reason).await
    }
}

impl Deref for Claim {
    type Target = Fallback;

    fn deref(&self) -> &Fallback {
        &self.0.item
    }
}
