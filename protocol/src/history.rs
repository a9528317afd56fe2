//! A user's history: what happened of late to the user's sessions, on whichever node. It explains afterwards why an event
//! did not come, and shows which devices are connected; nothing is decided by it.

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Cursor, NodeId};

/// Milliseconds for which a history is kept after its last entry.
pub const AGE_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds since the Unix epoch by the node's clock.
    pub at: u64,
    /// To which connection; its id names the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Box<str>>,
    /// On which node, where it did not happen to one connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// The device, as its token names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<str>>,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// What can happen to a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happened {
    /// A session began.
    Opened {
        /// By which transport.
        transport: Box<str>,
        /// The cursor that the client came back with, from where on it reads the log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
        /// Nothing is missing behind that cursor.
        recovered: bool,
    },
    /// A session ended.
    Closed {
        /// The reason, as in the metric of goodbyes.
        why: Box<str>,
    },
    /// A client was not let in.
    Refused {
        /// The fault's code.
        why: Box<str>,
    },
    /// There was no room for what came: the session reads the log behind this cursor, at its client's speed.
    Slow {
        /// The channel.
        channel: Box<str>,
        /// The cursor.
        after: Cursor,
    },
    /// It has read the log to its end.
    CaughtUp {
        /// The channel.
        channel: Box<str>,
        /// Where that was.
        upto: Cursor,
    },
    /// Something is missing, and the log cannot bring it back.
    Gap {
        /// The channel.
        channel: Box<str>,
        /// Behind this cursor.
        after: Cursor,
        /// Before this one, if anything has come since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Cursor>,
    },
}

impl Entry {
    /// What happened to a connection.
    pub fn of_connection(at: u64, connection: ConnectionId, device: Option<&str>, what: Happened) -> Self {
        let connection = Some(connection.to_string().into());
        Self { at, connection, node: None, device: device.map(Box::from), what }
    }

    /// What happened on a node to no connection in particular.
    pub fn of_node(at: u64, node: NodeId, what: Happened) -> Self {
        Self { at, connection: None, node: Some(node.as_str().into()), device: None, what }
    }

    /// The node on which it happened.
    pub fn node_name(&self) -> Option<&str> {
        let of_connection = || self.connection.as_deref().and_then(|id| id.split('.').next());
        self.node.as_deref().or_else(of_connection)
    }

    /// As it stands in the list.
    pub fn encode(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what stands in the list; none if it is nothing that this version knows.
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_the_round_trip() {
        let node = NodeId::from_bits(7);
        let id = ConnectionId { node, number: 31 };
        let cursor = Cursor { millis: 5, sequence: 1 };
        for what in [
            Happened::Opened { transport: "websocket".into(), cursor: Some(cursor), recovered: false },
            Happened::Closed { why: "expired".into() },
            Happened::Refused { why: "token_expired".into() },
            Happened::Slow { channel: "user:42".into(), after: cursor },
            Happened::CaughtUp { channel: "user:42".into(), upto: cursor },
            Happened::Gap { channel: "user:42".into(), after: cursor, before: None },
        ] {
            for entry in
                [Entry::of_connection(9, id, Some("a phone"), what.clone()), Entry::of_node(9, node, what.clone())]
            {
                assert_eq!(Entry::decode(&entry.encode()).as_ref(), Some(&entry));
                assert_eq!(entry.node_name(), Some(node.as_str()));
            }
        }
    }

    #[test]
    fn an_entry_is_short_and_readable() {
        let id = "k3j9x2ma.1f".parse().unwrap();
        let opened = Happened::Opened { transport: "websocket".into(), cursor: None, recovered: true };
        let entry = Entry::of_connection(1_763_719_200_123, id, Some("phone"), opened);
        assert_eq!(
            entry.encode(),
            r#"{"at":1763719200123,"connection":"k3j9x2ma.1f","device":"phone","what":"opened","transport":"websocket","recovered":true}"#
        );
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        assert_eq!(Entry::decode(r#"{"at":1,"what":"flew_away"}"#), None);
        assert_eq!(Entry::decode("nonsense"), None);
    }
}
