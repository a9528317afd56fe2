//! An entry of the inbox as services read it: the flat fields of a Stream entry.

use std::collections::HashMap;

use crate::ConnectionId;

/// An event in the inbox: emitted by a client, or a presence event from a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event's id, the same for every delivery.
    pub id: String,
    /// Field `type`.
    pub kind: String,
    /// Field `user`: the `sub` of the client's token.
    pub user: String,
    /// When the bus accepted the event, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Any JSON, as the client sent it.
    pub data: String,
    /// The client's connection; `None` for a presence event.
    pub connection: Option<ConnectionId>,
    /// The device that the token names.
    pub device: Option<String>,
    /// Field `ref`: the client waits for a reply with this `ref`.
    pub reference: Option<String>,
    /// W3C Trace Context, if the client sent one.
    pub traceparent: Option<String>,
}

impl Entry {
    /// Reads an entry. Returns `None` if it is not an inbox entry.
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
