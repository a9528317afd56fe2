//! The connection log of a user: recent connects, disconnects, slow phases and gaps on all nodes.
//! It explains why an event was not delivered, and lists the user's devices. No decision of the
//! gateway depends on it.

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Cursor, NodeId};

/// Milliseconds that a connection log is kept after its last entry.
pub const AGE_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// One entry of a connection log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLogEntry {
    /// When it happened, in milliseconds since the Unix epoch, by the node's clock.
    pub at: u64,
    /// The connection; its id contains the node's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Box<str>>,
    /// The node, if the entry is not about one connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// The device that the token names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<str>>,
    /// What happened.
    #[serde(flatten)]
    pub event: ConnectionEvent,
}

/// What can happen to a user's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ConnectionEvent {
    /// A session began.
    Opened {
        /// The transport's name.
        transport: Box<str>,
        /// The cursor that the client sent; the session reads the log from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
        /// No event after that cursor is missing.
        recovered: bool,
    },
    /// A session ended.
    Closed {
        /// The reason, with the value of the disconnect metric.
        why: Box<str>,
    },
    /// A client was rejected.
    #[serde(rename = "refused")]
    Rejected {
        /// The error code.
        why: Box<str>,
    },
    /// The send buffer was full. The session reads the log after this cursor at the client's speed.
    Slow {
        /// The channel.
        channel: Box<str>,
        /// The cursor.
        after: Cursor,
    },
    /// The slow session has read the log to its end.
    CaughtUp {
        /// The channel.
        channel: Box<str>,
        /// The end of the log.
        upto: Cursor,
    },
    /// Events are missing that the log no longer holds.
    Gap {
        /// The channel.
        channel: Box<str>,
        /// The missing events are after this cursor.
        after: Cursor,
        /// The missing events are before this cursor, if a later event is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Cursor>,
    },
}

impl ConnectionLogEntry {
    /// Creates an entry about a connection.
    pub fn of_connection(at: u64, connection: ConnectionId, device: Option<&str>, event: ConnectionEvent) -> Self {
        let connection = Some(connection.to_string().into());
        Self { at, connection, node: None, device: device.map(Box::from), event }
    }

    /// Creates an entry about a node without a connection.
    pub fn of_node(at: u64, node: NodeId, event: ConnectionEvent) -> Self {
        Self { at, connection: None, node: Some(node.as_str().into()), device: None, event }
    }

    /// Returns the id of the node.
    pub fn node_name(&self) -> Option<&str> {
        let of_connection = || self.connection.as_deref().and_then(|id| id.split('.').next());
        self.node.as_deref().or_else(of_connection)
    }

    /// Encodes the entry as JSON.
    pub fn encode(&self) -> String {
        // Strings and numbers always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Decodes an entry. Returns `None` if this version does not know it.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_round_trip() {
        let node = NodeId::from_bits(7);
        let id = ConnectionId { node, number: 31 };
        let cursor = Cursor { millis: 5, sequence: 1 };
        for event in [
            ConnectionEvent::Opened { transport: "websocket".into(), cursor: Some(cursor), recovered: false },
            ConnectionEvent::Closed { why: "expired".into() },
            ConnectionEvent::Rejected { why: "token_expired".into() },
            ConnectionEvent::Slow { channel: "user:42".into(), after: cursor },
            ConnectionEvent::CaughtUp { channel: "user:42".into(), upto: cursor },
            ConnectionEvent::Gap { channel: "user:42".into(), after: cursor, before: None },
        ] {
            for entry in [
                ConnectionLogEntry::of_connection(9, id, Some("a phone"), event.clone()),
                ConnectionLogEntry::of_node(9, node, event.clone()),
            ] {
                assert_eq!(ConnectionLogEntry::decode(&entry.encode()).as_ref(), Some(&entry));
                assert_eq!(entry.node_name(), Some(node.as_str()));
            }
        }
    }

    #[test]
    fn entry_is_compact_json() {
        let id = "k3j9x2ma.1f".parse().unwrap();
        let opened = ConnectionEvent::Opened { transport: "websocket".into(), cursor: None, recovered: true };
        let entry = ConnectionLogEntry::of_connection(1_763_719_200_123, id, Some("phone"), opened);
        assert_eq!(
            entry.encode(),
            r#"{"at":1763719200123,"connection":"k3j9x2ma.1f","device":"phone","what":"opened","transport":"websocket","recovered":true}"#
        );
    }

    #[test]
    fn unknown_entries_are_ignored() {
        assert_eq!(ConnectionLogEntry::decode(r#"{"at":1,"what":"flew_away"}"#), None);
        assert_eq!(ConnectionLogEntry::decode("nonsense"), None);
    }
}
