//! What a node reports of watched events: what became of them on its connections, and who has acknowledged them.

use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Channel, ConnectionId, Cursor};

/// What became of a watched event on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The channel.
    pub channel: Channel,
    /// The event's id.
    pub id: Box<str>,
    /// The connection.
    pub connection: ConnectionId,
    /// The device, as its token names it.
    pub device: Option<Box<str>>,
    /// What became of it.
    pub what: ConnectionState,
}

/// A device has handled everything on a channel up to a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The channel.
    pub channel: Channel,
    /// The device, as its token names it; the connection's id where it names none.
    pub device: Box<str>,
    /// Over which connection it said so.
    pub connection: ConnectionId,
    /// Of the last event handled.
    pub cursor: Cursor,
}

/// An event that nobody has acknowledged by its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// When it fell back, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The event as clients get it.
    pub event: String,
}

/// What has become of a watched event, as it was told to whoever waits for receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// When it came to that, in milliseconds since the Unix epoch.
    pub at: u64,
    /// `acknowledged`, `expired`, `cancelled` or `fallen_back`.
    pub outcome: String,
}
