//! The publish script, with what goes into it and what comes out, for any Redis client.

use bytes::Bytes;

use super::prepared::{Prepared, assemble};
use crate::announcement::{Place, class_letter};
use crate::{Announcement, Channel, Class, Cursor, Keys};

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events in a channel's log; Redis may keep some more, where trimming them costs more than they do.
    pub log_events: u64,
    /// Milliseconds for which an event stays in its log.
    pub log_millis: u64,
    /// Milliseconds for which an event's id is remembered.
    pub seen_millis: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { log_events: 1_000, log_millis: 24 * 60 * 60 * 1000, seen_millis: 5 * 60 * 1000 }
    }
}

/// The script that appends and announces atomically.
#[derive(Debug, Clone, Copy)]
pub struct PublishScript;

/// What the bus did with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its place in the log; none for what is not stored.
    pub cursor: Option<Cursor>,
    /// How many nodes listened.
    pub nodes: u64,
    /// The id was seen before: nothing was done, and this is what the first time answered.
    pub again: bool,
}

/// Redis answered something that the script does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `new|again <cursor> <nodes>` from the publish script, found {0:?}")]
pub struct ReplyError(String);

impl PublishScript {
    /// Its text, in Lua.
    pub const SOURCE: &str = include_str!("publish.lua");

    /// Its keys.
    pub fn keys(keys: &Keys, event: &Prepared) -> [String; 4] {
        let channel = &event.channel;
        [keys.log(channel), keys.seen(channel, &event.id), keys.announce(channel), keys.end(channel)]
    }

    /// Its arguments.
    pub fn arguments(event: &Prepared, retention: &Retention) -> [String; 8] {
        [
            class_letter(event.class).to_owned(),
            event.channel.as_str().to_owned(),
            event.head.clone(),
            event.tail.clone(),
            event.ttl_millis.map_or_else(String::new, |ttl| ttl.to_string()),
            retention.log_events.to_string(),
            retention.log_millis.to_string(),
            retention.seen_millis.to_string(),
        ]
    }

    /// Its answer.
    pub fn reply(text: &str) -> Result<Accepted, ReplyError> {
        let wrong = || ReplyError(text.chars().take(80).collect());
        let mut words = text.split(' ');
        let again = match words.next() {
            Some("new") => false,
            Some("again") => true,
            _ => return Err(wrong()),
        };
        let cursor = match words.next() {
            Some("-") => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| wrong())?),
            None => return Err(wrong()),
        };
        let nodes = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        Ok(Accepted { cursor, nodes, again })
    }

    /// An entry of the log as the announcement that it once was.
    pub fn entry(channel: &Channel, cursor: Cursor, entry: &Entry<'_>) -> Announcement {
        Announcement {
            channel: channel.clone(),
            class: Class::Durable,
            place: Some(Place { cursor, previous: entry.previous }),
            accepted_at: cursor.millis * 1000,
            expires_at: entry.expires_at,
            frame: Self::frame(entry, cursor),
        }
    }

    fn frame(entry: &Entry<'_>, cursor: Cursor) -> Bytes {
        assemble(entry.head, Some(cursor), entry.tail)
    }
}

/// What the script writes into a log: the fields of a Stream entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Field `p`: the cursor of the event before it, so that whoever reads the log knows when something is missing.
    pub previous: Cursor,
    /// Field `h`: the frame up to its cursor.
    pub head: &'a str,
    /// Field `t`: the frame behind its cursor.
    pub tail: &'a str,
    /// Field `x`: milliseconds since the epoch, or empty.
    pub expires_at: Option<u64>,
}
