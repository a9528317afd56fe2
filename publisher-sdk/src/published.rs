//! The result of `publish`, from which an acknowledgement can be awaited.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use wirebell_protocol::{Channel, ChannelResult, Class, Cursor, Event, PublishResult};

use crate::acknowledged::{self, AckError, Acknowledgement};
use crate::transport::Transport;

/// An event that the bus has accepted. Keeps the publisher's connection open until it is dropped.
#[derive(Debug, Clone)]
pub struct Published {
    /// The event's id, given by the caller or generated.
    pub id: String,
    /// One entry for each channel, in the order of `to`.
    pub channels: Vec<ChannelResult>,
    tracker: AckTracker,
}

/// Reads the delivery status of an event.
#[derive(Debug, Clone)]
pub(crate) struct AckTracker {
    transport: Arc<Transport>,
    can_be_acknowledged: bool,
}

impl AckTracker {
    pub(crate) fn of(event: &Event, transport: &Arc<Transport>) -> Self {
        // Only durable events have a cursor, which an acknowledgement needs.
        let can_be_acknowledged = event.is_tracked() && event.event_class() == Class::Durable;
        Self { transport: Arc::clone(transport), can_be_acknowledged }
    }
}

impl Published {
    pub(crate) fn new(outcome: PublishResult, tracker: AckTracker) -> Self {
        Self { id: outcome.id, channels: outcome.channels, tracker }
    }

    /// Returns the cursor of a durable event that went to one channel.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.channels.as_slice() {
            [only] => only.cursor,
            _ => None,
        }
    }

    /// Returns how many nodes had subscribers, summed over the channels.
    pub fn nodes(&self) -> u64 {
        self.channels.iter().map(|reached| reached.nodes).sum()
    }

    /// Returns whether the event is stored until its `deliver_at` on at least one channel.
    pub fn is_scheduled(&self) -> bool {
        self.channels.iter().any(|reached| reached.scheduled)
    }

    /// Returns the response of the bus as a plain value.
    pub fn outcome(&self) -> PublishResult {
        PublishResult { id: self.id.clone(), channels: self.channels.clone() }
    }

    /// Waits until the first device acknowledges the event on any of its channels. [`AckError`]
    /// names every other end. A final one is returned as soon as it is final on all channels.
    ///
    /// The event must be durable and published with [`receipt`](Event::receipt) or
    /// [`deadline`](Event::deadline). Over Redis the bus is polled; each pause is an eighth of the
    /// time waited so far, between 10 ms and 500 ms. Over HTTP the node does so. Thousands of calls
    /// may wait at the same time on the publisher's one connection.
    pub async fn acknowledged(&self, timeout: Duration) -> Result<Acknowledgement, AckError> {
        if !self.tracker.can_be_acknowledged {
            return Err(AckError::NotWatched);
        }
        let channels: Vec<Channel> = self.channels.iter().map(|reached| reached.channel.clone()).collect();
        acknowledged::wait(&self.tracker.transport, &self.id, &channels, timeout).await
    }
}

impl PartialEq for Published {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.channels) == (&other.id, &other.channels)
    }
}

impl Eq for Published {}

/// Serializes like the publish result.
impl Serialize for Published {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.outcome().serialize(serializer)
    }
}
