//! An announcement: the pub/sub message that carries an event from the bus to the nodes. It has one
//! header line and the frame for the client, which a node does not parse.

use bytes::Bytes;

use crate::{Channel, Class, Cursor};

/// An event, announced to every node that is subscribed to its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The channel of the event.
    pub channel: Channel,
    /// The class of the event.
    pub class: Class,
    /// Position of the event and of its predecessor in the log. For a retained event: its version
    /// and the channel's previous version. `None` if the event is not stored.
    pub position: Option<LogPosition>,
    /// When the bus accepted the event, in microseconds since the Unix epoch, by the bus' clock.
    pub accepted_at: u64,
    /// When the event expires, in milliseconds since the Unix epoch, by the bus' clock.
    pub expires_at: Option<u64>,
    /// The event's id, if the event is tracked.
    pub tracked: Option<Box<str>>,
    /// The frame for the client.
    pub frame: Bytes,
}

/// The position of an event in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    /// Cursor of this event.
    pub cursor: Cursor,
    /// Cursor of the event before it. A node that has not seen that event has missed something.
    pub previous: Cursor,
}

/// The message is not an announcement of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an announcement of version 1, found something else in its {0}")]
pub struct AnnouncementError(&'static str);

const VERSION: &str = "1";

impl Announcement {
    /// Returns whether the event has expired. `now` returns milliseconds since the Unix epoch; it
    /// is called only if the event has an expiry.
    pub fn is_expired(&self, now: impl FnOnce() -> u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now())
    }

    /// Encodes the announcement in the format of the publish script.
    pub fn encode(&self) -> Bytes {
        let class = class_letter(self.class);
        let dash = || "-".to_owned();
        let cursor = self.position.map_or_else(dash, |position| position.cursor.to_string());
        let previous = self.position.map_or_else(dash, |position| position.previous.to_string());
        let expires = self.expires_at.map_or_else(dash, |at| at.to_string());
        let tracked = self.tracked.as_ref().map_or_else(String::new, |id| format!(" {id}"));
        let (channel, accepted) = (&self.channel, self.accepted_at);
        let mut message =
            format!("{VERSION} {class} {channel} {cursor} {previous} {accepted} {expires}{tracked}\n").into_bytes();
        message.extend_from_slice(&self.frame);
        message.into()
    }

    /// Decodes an announcement. The frame shares the message's bytes.
    pub fn decode(message: &Bytes) -> Result<Self, AnnouncementError> {
        let end = message.iter().position(|b| *b == b'\n').ok_or(AnnouncementError("header"))?;
        let header = std::str::from_utf8(&message[..end]).map_err(|_| AnnouncementError("header"))?;
        // The id is the last field because it may contain spaces.
        let mut fields = header.splitn(8, ' ');
        let mut next = |name| fields.next().ok_or(AnnouncementError(name));
        if next("version")? != VERSION {
            return Err(AnnouncementError("version"));
        }
        let class = class_of(next("class")?)?;
        let channel = Channel::parse(next("channel")?).map_err(|_| AnnouncementError("channel"))?;
        let position = position(next("cursor")?, next("previous cursor")?)?;
        let accepted_at = next("time")?.parse().map_err(|_| AnnouncementError("time"))?;
        let expires_at = match next("expiry")? {
            "-" => None,
            at => Some(at.parse().map_err(|_| AnnouncementError("expiry"))?),
        };
        let tracked = fields.next().map(Box::from);
        Ok(Self { channel, class, position, accepted_at, expires_at, tracked, frame: message.slice(end + 1..) })
    }
}

fn position(cursor: &str, previous: &str) -> Result<Option<LogPosition>, AnnouncementError> {
    if cursor == "-" {
        return Ok(None);
    }
    let cursor = cursor.parse().map_err(|_| AnnouncementError("cursor"))?;
    let previous = previous.parse().map_err(|_| AnnouncementError("previous cursor"))?;
    Ok(Some(LogPosition { cursor, previous }))
}

/// Returns the letter of a class in the header and in the script's arguments.
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
