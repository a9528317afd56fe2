//! A frame on its way to a client, and what there is to report of its event.

use std::sync::Arc;

use bytes::Bytes;
use wirebell_protocol::{Announcement, Channel, Class, Cursor};

/// A frame for a client, shared by all that get it.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The text, ready to be written.
    pub bytes: Bytes,
    /// How its event is kept, which decides what happens when there is no room.
    pub class: Class,
    /// When the bus took the event, in microseconds since the Unix epoch. 0 for what is no event, and is not counted as one.
    pub accepted_at: u64,
    /// What there is to report of it, if its publisher wants to know what becomes of it.
    pub watched: Option<Arc<Watched>>,
}

impl Frame {
    /// What is no event: an answer, which is not kept anywhere.
    pub fn reply(bytes: Bytes) -> Self {
        Self { bytes, class: Class::Volatile, accepted_at: 0, watched: None }
    }
}

/// A watched event, as it has to be reported on.
#[derive(Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its channel.
    pub channel: Channel,
    /// Its id.
    pub id: Box<str>,
    /// Its place in the log, if it has one.
    pub cursor: Option<Cursor>,
}

impl Watched {
    /// What there is to report of an event, if anything.
    pub fn of(event: &Announcement) -> Option<Self> {
        let cursor = event.place.filter(|_| event.class == Class::Durable).map(|place| place.cursor);
        event.watched.clone().map(|id| Self { channel: event.channel.clone(), id, cursor })
    }
}
