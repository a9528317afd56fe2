//! The publish script: its keys, arguments and replies, for any Redis client.

use bytes::Bytes;

use super::Retention;
use super::prepared::{Prepared, assemble};
use crate::announcement::{LogPosition, class_letter};
use crate::{Announcement, Channel, Class, Cursor, Keys};

/// The script that appends and announces an event atomically.
#[derive(Debug, Clone, Copy)]
pub struct PublishScript;

/// The bus' reply to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The event's position in the log; `None` if it is not stored.
    pub cursor: Option<Cursor>,
    /// Number of nodes that are subscribed to the channel.
    pub nodes: u64,
    /// The id was published before; the other fields repeat the first reply.
    pub duplicate: bool,
    /// The event is stored until its `deliver_at` and is not published yet.
    pub scheduled: bool,
}

/// The script's reply has an unexpected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `new|again|scheduled <cursor> <nodes>` from the publish script, found {0:?}")]
pub struct ReplyError(String);

impl PublishScript {
    /// The source in Lua.
    pub const SOURCE: &str = concat!(include_str!("publish.lua"), include_str!("main.lua"));

    /// Returns the keys. Most events are neither retained nor tracked and need only four.
    pub fn keys(keys: &Keys, event: &Prepared) -> Vec<String> {
        if event.class == Class::Retained || event.tracking.is_some() {
            return Self::all_keys(keys, &event.channel, &event.id);
        }
        let channel = &event.channel;
        vec![keys.log(channel), keys.seen(channel, &event.id), keys.announce(channel), keys.end(channel)]
    }

    /// Returns the keys of an event that is retained or tracked.
    pub fn all_keys(keys: &Keys, channel: &Channel, id: &str) -> Vec<String> {
        vec![
            keys.log(channel),
            keys.seen(channel, id),
            keys.announce(channel),
            keys.end(channel),
            keys.retained(channel),
            keys.record(channel, id),
            keys.tracked(channel),
        ]
    }

    /// Returns the arguments.
    pub fn arguments(event: &Prepared, retention: &Retention) -> Vec<String> {
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let mut arguments = vec![
            class_letter(event.class).to_owned(),
            event.channel.as_str().to_owned(),
            event.head.clone(),
            event.tail.clone(),
            number(event.ttl_millis),
            retention.log_events.to_string(),
            retention.log_millis.to_string(),
            retention.seen_millis.to_string(),
        ];
        if event.class != Class::Retained && event.tracking.is_none() {
            return arguments;
        }
        let deadline = event.tracking.as_ref().and_then(|tracking| tracking.deadline_millis);
        // An expired receipt is kept as long again, so that the publisher can still read it.
        let closes = event.ttl_millis.unwrap_or(retention.receipt_millis);
        let kept = closes.max(deadline.unwrap_or_default()) + retention.receipt_millis;
        arguments.extend([
            event.tracking.as_ref().map_or_else(String::new, |_| event.id.clone()),
            if event.is_tracked() { "w" } else { "" }.to_owned(),
            number(deadline),
            closes.to_string(),
            kept.to_string(),
            event.tracking.as_ref().map(|tracking| tracking.source.clone()).unwrap_or_default(),
            event.key.clone(),
            retention.retained_keys.to_string(),
            retention.retained_millis.to_string(),
        ]);
        arguments
    }

    /// Parses the reply.
    pub fn reply(text: &str) -> Result<Accepted, ReplyError> {
        let malformed = || ReplyError(text.chars().take(80).collect());
        let mut parts = text.split(' ');
        let (duplicate, scheduled) = match parts.next() {
            Some("new") => (false, false),
            Some("again") => (true, false),
            Some("scheduled") => (false, true),
            _ => return Err(malformed()),
        };
        let cursor = match parts.next() {
            Some("-") => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| malformed())?),
            None => return Err(malformed()),
        };
        let nodes = parts.next().and_then(|word| word.parse().ok()).ok_or_else(malformed)?;
        Ok(Accepted { cursor, nodes, duplicate, scheduled })
    }

    /// Converts an entry of the log back into its announcement.
    pub fn entry(channel: &Channel, cursor: Cursor, entry: &Entry<'_>) -> Announcement {
        Announcement {
            channel: channel.clone(),
            class: Class::Durable,
            position: Some(LogPosition { cursor, previous: entry.previous }),
            accepted_at: cursor.millis * 1000,
            expires_at: entry.expires_at,
            tracked: entry.tracked.map(Box::from),
            frame: Self::frame(entry, cursor),
        }
    }

    fn frame(entry: &Entry<'_>, cursor: Cursor) -> Bytes {
        assemble(entry.head, Some(cursor), entry.tail)
    }
}

/// The fields of a log entry as the script writes them.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Field `p`: the cursor of the event before it. Readers detect missing events with it.
    pub previous: Cursor,
    /// Field `h`: the frame before the cursor.
    pub head: &'a str,
    /// Field `t`: the frame after the cursor.
    pub tail: &'a str,
    /// Field `x`: expiry in milliseconds since the Unix epoch, or empty.
    pub expires_at: Option<u64>,
    /// Field `i`: the event's id, if the event is tracked.
    pub tracked: Option<&'a str>,
}

/// Decodes a retained value: `<version> <accepted> <expires>`, a line feed, and the frame.
pub fn retained(channel: &Channel, value: &Bytes) -> Option<Announcement> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let mut parts = std::str::from_utf8(&value[..end]).ok()?.split(' ');
    let cursor = parts.next()?.parse().ok()?;
    let accepted_at = parts.next()?.parse().ok()?;
    let expires_at = parts.next().filter(|word| *word != "-").map(str::parse).transpose().ok()?;
    let position = Some(LogPosition { cursor, previous: Cursor::START });
    let (class, frame) = (Class::Retained, value.slice(end + 1..));
    Some(Announcement { channel: channel.clone(), class, position, accepted_at, expires_at, tracked: None, frame })
}

/// Decodes the ends of a channel: the cursor of its last event, and the version of its last
/// retained value.
pub fn ends(text: &str) -> Option<(Cursor, Cursor)> {
    let (log, version) = text.split_once(' ').unwrap_or((text, "0-0"));
    Some((log.parse().ok()?, version.parse().ok()?))
}
