//! The bus: what carries an event from whoever publishes it to every node that listens for its channel.
//!
//! What every bus promises, and one contract suite checks of each:
//! - `publish` answers once the event is in its channel's log (if it is durable) and announced, or with an error,
//!   and then it may have happened all the same; publishing the same id again tells, and changes nothing.
//! - Announcements of one channel arrive in the order of its log.
//! - `subscribe` returns once announcements flow. The cursors that it returns are of the log's ends at a moment
//!   after that: whatever comes later is announced.
//! - An announcement may be missed (a lost connection, a full queue). Then [`Delivery::Missed`] or
//!   [`Delivery::MissedAny`] says so sooner or later, and the next announcement's `previous` betrays it; `read`
//!   brings durable events back.
//! - Of retained values only the last one per key is kept; their versions only grow.
//! - A watched event has a record from the moment in which it is accepted. At its deadline without an acknowledgement it
//!   goes to the fallback stream, exactly once; a scheduled event is published when its time has come, or cancelled.
//! - A user's history says what happened of late to the user's sessions. It may lack something, or say it late.
//! - `position` says [`Position::Known`] only if nothing behind the cursor is missing from the log.
//! - What a client emits is in the inbox once `emit` has answered, once for each id that the client gives, or it answers
//!   with an error, and then it may be there all the same. A reply reaches its connection's node, or nobody.
//! - After a lost connection everything is subscribed again without help.
//!
//! The bus knows nothing of who listens: it hands out a stream of deliveries.

mod history;
pub mod intake;
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

pub use history::Happening;
pub use intake::{Deliveries, Delivery};
pub use presence::Presence;
pub use report::{Ack, Fallback, Note, Told};
pub use revocations::Revoking;

/// A bus. See the module for what it promises.
#[async_trait]
pub trait Bus: Presence + Revoking {
    /// Appends and announces; one answer an event, in the same order.
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>>;

    /// Listens for these channels; answers where each one ends.
    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<Ends>, BusError>;

    /// Listens no longer.
    async fn unsubscribe(&self, channels: &[Channel]);

    /// Up to `limit` events behind a cursor, for each of several channels.
    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError>;

    /// The channel's retained values with a version behind this one, in the order of their versions; those that have
    /// expired are not among them.
    async fn read_retained(&self, channel: &Channel, after: Cursor) -> Result<Vec<Announcement>, BusError>;

    /// Whether the channel's log reaches back to a cursor.
    async fn position(&self, channel: &Channel, cursor: Cursor) -> Result<Position, BusError>;

    /// Writes into the records of watched events what became of them on connections. Noting it twice is noting it once.
    async fn note(&self, notes: &[Note]) -> Result<(), BusError>;

    /// Writes acknowledgements into the records of all watched events up to their cursors; one answer each. Doing it
    /// twice is doing it once.
    async fn acknowledge(&self, acks: &[Ack]) -> Vec<Result<(), BusError>>;

    /// What became of an event, on each of its channels that has a record; none if there is no record.
    async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, BusError>;

    /// What fell back last, at most so many, the newest first: to be looked at, not to be taken over.
    async fn fallbacks(&self, most: usize) -> Result<Vec<Fallback>, BusError>;

    /// What was told last of watched events, at most so many, the newest first.
    async fn told(&self, most: usize) -> Result<Vec<Told>, BusError>;

    /// Cancels a scheduled event on all of its channels.
    async fn cancel(&self, id: &str) -> Result<Cancelled, BusError>;

    /// Writes what happened to users' sessions into their histories, each of which keeps so many entries. What is
    /// written twice is read once.
    async fn remember(&self, happenings: &[Happening], most: usize) -> Result<(), BusError>;

    /// What happened of late to the sessions of the channel's user, the oldest first.
    async fn history(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError>;

    /// What publishing that id on the channel was answered, for as long as ids are remembered.
    async fn answered(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError>;

    /// Puts what a client emits into the inbox.
    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError>;

    /// Tells a connection, on whichever node it is, what came of what it has emitted.
    async fn reply(&self, reply: &Reply) -> Result<(), BusError>;

    /// The nodes that are known to live; one that was killed is among them for some seconds yet.
    async fn nodes(&self) -> Result<Vec<NodeId>, BusError>;

    /// Whether the bus can be used; the receiver sees every change.
    fn health(&self) -> watch::Receiver<Health>;
}

/// A bus that may be shared.
pub type SharedBus = Arc<dyn Bus>;

/// Where a channel ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    /// The cursor of its log's last event.
    pub log: Cursor,
    /// The version of its last retained value; [`Cursor::START`] if it never had one.
    pub retained: Cursor,
}

/// What came of cancelling an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not be published; also if it was cancelled before.
    Cancelled,
    /// It was published already, at least on one of its channels.
    Published,
    /// Nothing is known of it.
    Unknown,
}

/// Whether a log reaches back to a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Everything behind the cursor is still there.
    Known,
    /// Something behind it may be gone: trimmed, expired, or lost with a Redis.
    Lost,
}

/// Whether the bus can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It answers, and all subscriptions stand and are heard.
    Up,
    /// It answers, but what is announced is not heard: why not. Events are accepted, and reach no client of this node.
    Deaf(String),
    /// It does not answer: why not.
    Down(String),
}

/// Why the bus did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// It cannot be reached, or did not answer in time. Trying again may help.
    #[error("the bus cannot be reached: {0}")]
    Unavailable(String),
    /// It answered, and refused.
    #[error("the bus refused: {0}")]
    Refused(String),
}
