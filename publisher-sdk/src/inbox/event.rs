//! An event of the inbox, as a handler gets it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use wirebell_protocol::{ConnectionId, inbox};

use crate::redis::{Entry, Kind};
use crate::worker::Work;

/// What a client has emitted, or what a node tells of a user's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEvent {
    /// The event's id: the same however often it is handed out.
    pub id: String,
    /// Its type, such as `send-message`.
    pub kind: String,
    /// Who has emitted it: the `sub` of the token that the node has verified.
    pub user: String,
    /// Over which connection; none where no client has emitted it. An event `to` `conn:<id>` reaches it.
    pub connection: Option<ConnectionId>,
    /// From which device, if the token names it.
    pub device: Option<String>,
    /// When the bus took it, in milliseconds since the Unix epoch, by the bus' clock.
    pub at: u64,
    /// Any JSON, byte for byte as the client wrote it.
    pub data: String,
    /// W3C trace context, if the client gave one.
    pub traceparent: Option<String>,
    /// Which try this is, from 1.
    pub tries: u32,
}

impl InboxEvent {
    /// What [`data`](Self::data) says.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.data)
    }
}

impl Work for InboxEvent {
    const KIND: Kind = Kind::Inbox;
    const STREAMS: &'static str = "the inbox";
    /// Somebody may wait for the answer.
    const LOOK_EVERY: Duration = Duration::from_millis(25);

    fn read(entry: &Entry) -> Option<Self> {
        let inbox::Entry { id, kind, user, at, data, connection, device, reference: _, traceparent } =
            inbox::Entry::read(&entry.fields)?;
        Some(Self { id, kind, user, connection, device, at, data, traceparent, tries: entry.tries })
    }

    fn turn(&self) -> Option<&str> {
        Some(&self.user)
    }
}
