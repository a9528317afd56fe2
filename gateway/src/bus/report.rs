//! What nodes report about tracked events, and what the bus stores about them.

use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Channel, ConnectionId, Cursor};

/// What happened to a tracked event on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The channel.
    pub channel: Channel,
    /// The event's id.
    pub id: Box<str>,
    /// The connection.
    pub connection: ConnectionId,
    /// The device that the token names.
    pub device: Option<Box<str>>,
    /// What happened to the event.
    pub state: ConnectionState,
}

/// Acknowledges everything on a channel up to a cursor, for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The channel.
    pub channel: Channel,
    /// The device that the token names, or the connection's id if it names none.
    pub device: Box<str>,
    /// The connection over which the acknowledgement came.
    pub connection: ConnectionId,
    /// The cursor of the last event that the device has handled.
    pub cursor: Cursor,
}

/// An event that no device acknowledged by its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// When the event was added to the fallback stream, in milliseconds since the Unix epoch.
    pub at: u64,
    /// The event as clients receive it.
    pub event: String,
}

/// The final delivery status of a tracked event, as the receipts stream reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalStatus {
    /// The event's id.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// When the status became final, in milliseconds since the Unix epoch.
    pub at: u64,
    /// `acknowledged`, `expired`, `cancelled` or `fallen_back`.
    pub status: String,
}
