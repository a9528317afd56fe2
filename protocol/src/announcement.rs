//! An announcement: an event on its way from the bus to the nodes. One header line, then the frame for the client,
//! which no node has to read.

use bytes::Bytes;

use crate::{Channel, Class, Cursor};

/// An event, announced to every node that listens for its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Where it goes.
    pub channel: Channel,
    /// How it is kept.
    pub class: Class,
    /// Its place in the log, and its predecessor's; of a retained event its version, and the one that was the channel's
    /// newest before it. None for what is not stored.
    pub place: Option<Place>,
    /// When the bus took it, in microseconds since the Unix epoch by the bus' clock.
    pub accepted_at: u64,
    /// From when on it is not worth delivering, in milliseconds since the Unix epoch by the bus' clock.
    pub expires_at: Option<u64>,
    /// Its id, if its publisher wants to know what becomes of it.
    pub watched: Option<Box<str>>,
    /// What the client gets.
    pub frame: Bytes,
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Of this event.
    pub cursor: Cursor,
    /// Of the event before it: what a node must have seen, or it has missed something.
    pub previous: Cursor,
}

/// The message is not an announcement of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an announcement of version 1, found something else in its {0}")]
pub struct AnnouncementError(&'static str);

const VERSION: &str = "1";

impl Announcement {
    /// Is it no longer worth delivering? The clock, in milliseconds since the Unix epoch, is asked only if that matters.
    pub fn is_expired(&self, now: impl FnOnce() -> u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now())
    }

    /// Writes the announcement as the script does.
    pub fn encode(&self) -> Bytes {
        let class = class_letter(self.class);
        let dash = || "-".to_owned();
        let cursor = self.place.map_or_else(dash, |p| p.cursor.to_string());
        let previous = self.place.map_or_else(dash, |p| p.previous.to_string());
        let expires = self.expires_at.map_or_else(dash, |at| at.to_string());
        let watched = self.watched.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let (channel, accepted) = (&self.channel, self.accepted_at);
        let mut message =
            format!("{VERSION} {class} {channel} {cursor} {previous} {accepted} {expires}{watched}\n").into_bytes();
        message.extend_from_slice(&self.frame);
        message.into()
    }

    /// Reads an announcement; the frame shares the message's bytes.
    pub fn decode(message: &Bytes) -> Result<Self, AnnouncementError> {
        let end = message.iter().position(|b| *b == b'\n').ok_or(AnnouncementError("header"))?;
        let header = std::str::from_utf8(&message[..end]).map_err(|_| AnnouncementError("header"))?;
        // An id may hold spaces: it is the last.
        let mut fields = header.splitn(8, ' ');
        let mut next = |name| fields.next().ok_or(AnnouncementError(name));
        if next("version")? != VERSION {
            return Err(AnnouncementError("version"));
        }
        let class = class_of(next("class")?)?;
        let channel = Channel::parse(next("channel")?).map_err(|_| AnnouncementError("channel"))?;
        let place = place(next("cursor")?, next("previous cursor")?)?;
        let accepted_at = next("time")?.parse().map_err(|_| AnnouncementError("time"))?;
        let expires_at = match next("expiry")? {
            "-" => None,
            at => Some(at.parse().map_err(|_| AnnouncementError("expiry"))?),
        };
        let watched = fields.next().map(Box::from);
        Ok(Self { channel, class, place, accepted_at, expires_at, watched, frame: message.slice(end + 1..) })
    }
}

fn place(cursor: &str, previous: &str) -> Result<Option<Place>, AnnouncementError> {
    if cursor == "-" {
        return Ok(None);
    }
    let cursor = cursor.parse().map_err(|_| AnnouncementError("cursor"))?;
    let previous = previous.parse().map_err(|_| AnnouncementError("previous cursor"))?;
    Ok(Some(Place { cursor, previous }))
}

/// The class as it stands in the header, and as the script is told it.
pub(crate) fn class_letter(class: Class) -> &'static str {
    match class {
        Class::Durable => "d",
        Class::Retained => "r",
        Class::Volatile => "v",
    }
}

fn class_of(letter: &str) -> Result<Class, AnnouncementError> {
    Class::ALL.into_iter().find(|class| class_letter(*class) == letter).ok_or(AnnouncementError("class"))
}
