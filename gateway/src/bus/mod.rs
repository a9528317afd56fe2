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
//! - `position` says [`Position::Known`] only if nothing behind the cursor is missing from the log.
//! - After a lost connection everything is subscribed again without help.
//!
//! The bus knows nothing of who listens: it hands out a stream of deliveries.

pub mod inbox;
pub mod memory;
pub mod redis;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wirebell_protocol::publish::Accepted;
use wirebell_protocol::{Announcement, Channel, Cursor, Prepared};

pub use inbox::{Deliveries, Delivery};

/// A bus. See the module for what it promises.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Appends and announces; one answer an event, in the same order.
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>>;

    /// Listens for these channels; answers the end of each one's log.
    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<Cursor>, BusError>;

    /// Listens no longer.
    async fn unsubscribe(&self, channels: &[Channel]);

    /// Up to `limit` events behind a cursor, for each of several channels.
    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError>;

    /// Whether the channel's log reaches back to a cursor.
    async fn position(&self, channel: &Channel, cursor: Cursor) -> Result<Position, BusError>;

    /// Whether the bus can be used; the receiver sees every change.
    fn health(&self) -> watch::Receiver<Health>;
}

/// A bus that may be shared.
pub type SharedBus = Arc<dyn Bus>;

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
    /// It answers, and all subscriptions stand.
    Up,
    /// Why not.
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
