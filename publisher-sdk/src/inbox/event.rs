//! An event of the inbox, as handlers receive it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use wirebell_protocol::{ConnectionId, inbox};

use crate::redis::{Entry, StreamKind};
use crate::worker::Job;

/// An event that a client emitted, or a presence event of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEvent {
    /// The event's id; the same on every attempt.
    pub id: String,
    /// Its type, such as `send-message`.
    pub kind: String,
    /// The user who emitted it: the `sub` of the token that the node verified.
    pub user: String,
    /// The connection that emitted it; `None` for presence events. Publish `to` `conn:<id>` to
    /// reach it.
    pub connection: Option<ConnectionId>,
    /// The device, if the token names one.
    pub device: Option<String>,
    /// When the bus accepted it, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
    /// The payload as JSON, byte for byte as the client sent it.
    pub data: String,
    /// W3C trace context, if the client sent one.
    pub traceparent: Option<String>,
    /// The number of this attempt, from 1.
    pub tries: u32,
}

impl InboxEvent {
    /// Parses [`data`](Self::data).
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.data)
    }
}

impl Job for InboxEvent {
    const KIND: StreamKind = StreamKind::Inbox;
    const STREAMS: &'static str = "the inbox";
    /// Short, since a client may wait for the reply.
    const POLL_INTERVAL: Duration = Duration::from_millis(25);

    fn read(entry: &Entry) -> Option<Self> {
        let inbox::Entry { id, kind, user, at, data, connection, device, reference: _, traceparent } =
            inbox::Entry::read(&entry.fields)?;
        Some(Self { id, kind, user, connection, device, at, data, traceparent, tries: entry.attempts })
    }

    fn ordering_key(&self) -> Option<&str> {
        Some(&self.user)
    }
}
