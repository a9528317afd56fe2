//! A fallback event and its claim.

use std::ops::Deref;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wirebell_protocol::Channel;

use crate::error::PublishError;
use crate::redis::{Entry, StreamKind};
use crate::worker::{InFlight, Job};

/// An event that no device acknowledged by its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The event's id; the same on every attempt.
    pub id: String,
    /// The channel on which no device acknowledged it.
    pub channel: Channel,
    /// When it was added to the fallback stream, in milliseconds since the Unix epoch, by the bus'
    /// clock.
    pub at: u64,
    /// The event as clients receive it, in JSON.
    pub event: String,
    /// The number of this attempt, from 1.
    pub tries: u32,
}

/// A [`Fallback`] that this worker has in flight. If the claim is dropped without a result, the
/// event is retried once this worker counts as gone.
#[derive(Debug)]
#[must_use = "call `done` or `failed` to report the result"]
pub struct Claim(pub(super) InFlight<Fallback>);

impl Fallback {
    /// Parses the event's `data`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        #[derive(Deserialize)]
        struct WithData<T> {
            data: T,
        }
        serde_json::from_str::<WithData<T>>(&self.event).map(|event| event.data)
    }
}

impl Job for Fallback {
    const KIND: StreamKind = StreamKind::Fallback;
    const STREAMS: &'static str = "fallbacks";
    /// The event has already waited for its deadline, so a short delay does not matter.
    const POLL_INTERVAL: Duration = Duration::from_millis(150);

    fn read(entry: &Entry) -> Option<Self> {
        let field = |name: &str| entry.fields.get(name);
        Some(Self {
            id: field("id")?.clone(),
            channel: Channel::parse(field("channel")?).ok()?,
            at: field("at")?.parse().ok()?,
            event: field("event")?.clone(),
            tries: entry.attempts,
        })
    }

    fn ordering_key(&self) -> Option<&str> {
        None
    }
}

impl Claim {
    /// Returns the event.
    pub fn fallback(&self) -> &Fallback {
        &self.0.job
    }

    /// Acknowledges the event. An error means that Redis could not be reached; the event will be
    /// delivered again.
    pub async fn done(self) -> Result<(), PublishError> {
        self.0.done().await
    }

    /// Reports that handling failed. The event is retried later, or becomes a dead letter after the
    /// last attempt.
    pub async fn failed(self, reason: &str) -> Result<(), PublishError> {
        let id = self.id.clone();
        self.0.failed(&id, reason).await
    }
}

impl Deref for Claim {
    type Target = Fallback;

    fn deref(&self) -> &Fallback {
        &self.0.job
    }
}
