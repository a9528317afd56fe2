//! An entry of the inbox, as services read it: flat fields of a Stream.

use std::collections::HashMap;

use crate::ConnectionId;

/// An event in the inbox: emitted by a client, or told by a node of a user's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's id: the same however often it is handed out.
    pub id: String,
    /// Field `type`.
    pub kind: String,
    /// Whose session it was, as its token says.
    pub user: String,
    /// When the bus took it, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Any JSON, as the client wrote it.
    pub data: String,
    /// Over which connection; none where no client has emitted it.
    pub connection: Option<ConnectionId>,
    /// From which device, if the token names it.
    pub device: Option<String>,
    /// Field `ref`: the connection waits for an answer by this name.
    pub reference: Option<String>,
    /// W3C trace context, if the client gave one.
    pub traceparent: Option<String>,
}

impl Entry {
    /// Reads an entry; none if it is not one of the inbox.
    pub fn read(fields: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).cloned();
        let connection = match fields.get("connection") {
            Some(id) => Some(id.parse().ok()?),
            None => None,
        };
        Some(Self {
            id: text("id")?,
            kind: text("type")?,
            user: text("user")?,
            at: fields.get("at")?.parse().ok()?,
            data: text("data")?,
            connection,
            device: text("device"),
            reference: text("ref"),
            traceparent: text("traceparent"),
        })
    }
}
