//! The bus carries events from publishers to all nodes that have subscribers for their channels.
//!
//! It takes events, delivery reports and presence changes, and returns a stream of deliveries
//! ([`DeliveryReceiver`]). It does not know which clients subscribe, or what the hub does with a
//! delivery.
//!
//! Every bus gives these guarantees, and one contract suite tests each bus against them:
//! - `publish` returns once the event is announced and, if it is durable, stored in its channel's
//!   log. After an error, the event may still have been published. Publishing the same id
//!   again changes nothing.
//! - Announcements of a channel arrive in the order of its log.
//! - `subscribe` returns once announcements flow. It returns the ends of the logs at a later
//!   moment, so every later event is announced.
//! - An announcement may be missed, by a lost connection or a full queue. [`Delivery::Missed`] or
//!   [`Delivery::MissedAny`] then reports it eventually, and the next announcement's `previous`
//!   shows the gap. `read` returns the missed durable events.
//! - Only the last retained value of each key is stored. Versions of retained values only grow.
//! - A tracked event has a delivery record from the moment in which it is accepted. If no device
//!   acknowledges it by its deadline, it is added to the fallback stream exactly once. A scheduled
//!   event is published at its time, unless it is canceled.
//! - A user's connection log contains recent events of the user's sessions. It may lack entries, or
//!   get them late.
//! - `cursor_status` returns [`CursorStatus::Known`] only if no event after the cursor is missing
//!   from the log.
//! - A client event is in the inbox once `emit` has returned, once for each id that the client
//!   gives. After an error it may still be there. A reply reaches the node of its
//!   connection, or is lost.
//! - After a lost connection, the bus subscribes to all channels again by itself.

mod connection_log;
pub mod delivery_queue;
mod error;
pub mod memory;
mod presence;
pub mod redis;
mod report;
mod revocations;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::inbox::{Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::publish::Accepted;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Cursor, NodeId, Prepared};

pub use connection_log::UserLogEntry;
pub use delivery_queue::{Delivery, DeliveryReceiver};
pub use error::BusError;
pub use presence::Presence;
pub use report::{Ack, DeliveryReport, Fallback, FinalStatus};
pub use revocations::RevocationStore;

/// A bus. The module documents its guarantees.
#[async_trait]
pub trait Bus: Presence + RevocationStore {
    /// Stores and announces events. Returns one result per event, in the same order.
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>>;

    /// Subscribes to channels. Returns the ends of each channel, in the same order.
    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<ChannelEnds>, BusError>;

    /// Unsubscribes from channels.
    async fn unsubscribe(&self, channels: &[Channel]);

    /// Returns up to `limit` events after a cursor, for each of several channels.
    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError>;

    /// Returns the channel's unexpired retained values with a version after this one, ordered by
    /// version.
    async fn read_retained(&self, channel: &Channel, after: Cursor) -> Result<Vec<Announcement>, BusError>;

    /// Returns whether the channel's log reaches back to a cursor.
    async fn cursor_status(&self, channel: &Channel, cursor: Cursor) -> Result<CursorStatus, BusError>;

    /// Writes into the records of tracked events what happened to them on connections. Idempotent.
    async fn report(&self, reports: &[DeliveryReport]) -> Result<(), BusError>;

    /// Writes acknowledgements into the records of all tracked events up to their cursors. Returns
    /// one result per acknowledgement. Idempotent.
    async fn acknowledge(&self, acks: &[Ack]) -> Vec<Result<(), BusError>>;

    /// Returns the receipts of an event, one for each of its channels that has a record.
    async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, BusError>;

    /// Returns up to `limit` of the last fallbacks, newest first. It does not consume them.
    async fn fallbacks(&self, limit: usize) -> Result<Vec<Fallback>, BusError>;

    /// Returns up to `limit` of the last final statuses of tracked events, newest first.
    async fn final_statuses(&self, limit: usize) -> Result<Vec<FinalStatus>, BusError>;

    /// Cancels a scheduled event on all of its channels.
    async fn cancel(&self, id: &str) -> Result<CancelResult, BusError>;

    /// Appends to users' connection logs, each of which keeps up to `max_entries`. Duplicates are
    /// read once.
    async fn append_connection_log(&self, entries: &[UserLogEntry], max_entries: usize) -> Result<(), BusError>;

    /// Returns the connection log of the channel's user, oldest entry first.
    async fn connection_log(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError>;

    /// Returns the result of the first publish of an id on the channel, while the id is remembered.
    async fn find_accepted(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError>;

    /// Adds a client event to the inbox.
    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError>;

    /// Sends the reply to a client event to its connection, on any node.
    async fn reply(&self, reply: &Reply) -> Result<(), BusError>;

    /// Returns the live nodes. A node that was killed is still included for some seconds.
    async fn nodes(&self) -> Result<Vec<NodeId>, BusError>;

    /// Returns a receiver of the bus' health, which sees every change.
    fn health(&self) -> watch::Receiver<Health>;
}

/// A shared bus.
pub type SharedBus = Arc<dyn Bus>;

/// The ends of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelEnds {
    /// The cursor of the last event in the log.
    pub log: Cursor,
    /// The version of the last retained value; [`Cursor::START`] if there never was one.
    pub retained: Cursor,
}

/// The result of canceling an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelResult {
    /// The event will not be published. It may have been canceled before.
    Cancelled,
    /// The event was published already, on at least one of its channels.
    Published,
    /// No such event is known.
    Unknown,
}

/// Whether a log reaches back to a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorStatus {
    /// Every event after the cursor is stored.
    Known,
    /// An event after the cursor may be missing: trimmed, expired, or lost with a Redis server.
    Lost,
}

/// Whether the bus can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The bus answers, and all subscriptions receive announcements.
    Up,
    /// The bus answers, but its announcements do not arrive, for this reason. It accepts events,
    /// and they reach no client of this node.
    Deaf(String),
    /// The bus does not answer, for this reason.
    Down(String),
}
