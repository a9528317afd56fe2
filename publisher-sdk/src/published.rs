//! What `publish` answers: the outcome, and a hold on the event to ask what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use wirebell_protocol::{Channel, Class, Cursor, Event, Outcome, Reached};

use crate::acknowledged::{self, AckError, Acknowledgement};
use crate::transport::Transport;

/// The bus has the event. It keeps the way to the bus open for as long as it is kept itself.
#[derive(Debug, Clone)]
pub struct Published {
    /// The event's id, given by the publisher or made for it.
    pub id: String,
    /// One entry a channel, in the order of `to`.
    pub channels: Vec<Reached>,
    watch: Watch,
}

/// How to ask what becomes of an event.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    transport: Arc<Transport>,
    can_be_acknowledged: bool,
}

impl Watch {
    pub(crate) fn of(event: &Event, transport: &Arc<Transport>) -> Self {
        // Only what has a cursor can be acknowledged.
        let can_be_acknowledged = event.is_watched() && event.event_class() == Class::Durable;
        Self { transport: Arc::clone(transport), can_be_acknowledged }
    }
}

impl Published {
    pub(crate) fn new(outcome: Outcome, watch: Watch) -> Self {
        Self { id: outcome.id, channels: outcome.channels, watch }
    }

    /// The cursor, where the event went to one channel and is durable.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.channels.as_slice() {
            [only] => only.cursor,
            _ => None,
        }
    }

    /// How many nodes listened, summed over the channels.
    pub fn nodes(&self) -> u64 {
        self.channels.iter().map(|reached| reached.nodes).sum()
    }

    /// Is it kept until its `deliver_at`, at least on one of its channels?
    pub fn is_scheduled(&self) -> bool {
        self.channels.iter().any(|reached| reached.scheduled)
    }

    /// What the bus answered, as a plain value.
    pub fn outcome(&self) -> Outcome {
        Outcome { id: self.id.clone(), channels: self.channels.clone() }
    }

    /// Waits until a device has acknowledged the event: the first one, on whichever of its channels. Any other end has
    /// its name in [`AckError`]; those that are final are told as soon as they are so on all channels.
    ///
    /// The event has to be durable and published with [`receipt`](Event::receipt) or [`deadline`](Event::deadline).
    /// The bus is asked again and again, each time after an eighth of the time waited so far, between 10 ms and half
    /// a second; over HTTP the node does so. Thousands may wait at the same time, on the publisher's one connection.
    pub async fn acknowledged(&self, timeout: Duration) -> Result<Acknowledgement, AckError> {
        if !self.watch.can_be_acknowledged {
            return Err(AckError::NotWatched);
        }
        let channels: Vec<Channel> = self.channels.iter().map(|reached| reached.channel.clone()).collect();
        acknowledged::wait(&self.watch.transport, &self.id, &channels, timeout).await
    }
}

impl PartialEq for Published {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.channels) == (&other.id, &other.channels)
    }
}

impl Eq for Published {}

/// As the outcome is written.
impl Serialize for Published {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.outcome().serialize(serializer)
    }
}
