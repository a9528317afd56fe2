//! A frame for a client, and the tracked event that it carries.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::{Announcement, Channel, Class, Cursor};

/// A frame for a client, shared by all clients that get it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The text, ready to be written.
    pub bytes: Bytes,
    /// Class of the event. It decides what happens when there is no room.
    pub class: Class,
    /// When the bus accepted the event, in microseconds since the Unix epoch. 0 for a frame that is
    /// not an event; it is not counted as one.
    pub accepted_at: u64,
    /// The event, if its publisher tracks it.
    pub tracked: Option<Arc<Tracked>>,
}

impl Frame {
    /// Returns a frame that is not an event: a reply, which no log keeps.
    pub fn reply(bytes: Bytes) -> Self {
        Self { bytes, class: Class::Volatile, accepted_at: 0, tracked: None }
    }
}

/// A tracked event: the session reports its delivery.
#[derive(Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The channel.
    pub channel: Channel,
    /// The event's id.
    pub id: Box<str>,
    /// Cursor in the log, if the event is durable.
    pub cursor: Option<Cursor>,
}

impl Tracked {
    /// Returns the tracked event of an announcement, or `None` if it is not tracked.
    pub fn of(event: &Announcement) -> Option<Self> {
        let cursor = event.position.filter(|_| event.class == Class::Durable).map(|position| position.cursor);
        event.tracked.clone().map(|id| Self { channel: event.channel.clone(), id, cursor })
    }
}
