//! The publish script, with what goes into it and what comes out, for any Redis client.

use bytes::Bytes;

use super::Retention;
use super::prepared::{Prepared, assemble};
use crate::announcement::{Place, class_letter};
use crate::{Announcement, Channel, Class, Cursor, Keys};

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
    /// It is kept until its time has come, and was not published yet.
    pub scheduled: bool,
}

/// Redis answered something that the script does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `new|again|scheduled <cursor> <nodes>` from the publish script, found {0:?}")]
pub struct ReplyError(String);

impl PublishScript {
    /// Its text, in Lua.
    pub const SOURCE: &str = concat!(include_str!("publish.lua"), include_str!("main.lua"));

    /// Its keys: of an event that is neither retained nor tracked, four, since most are neither.
    pub fn keys(keys: &Keys, event: &Prepared) -> Vec<String> {
        if event.class == Class::Retained || event.tracking.is_some() {
            return Self::all_keys(keys, &event.channel, &event.id);
        }
        let channel = &event.channel;
        vec![keys.log(channel), keys.seen(channel, &event.id), keys.announce(channel), keys.end(channel)]
    }

    /// The keys of an event that is retained or tracked.
    pub fn all_keys(keys: &Keys, channel: &Channel, id: &str) -> Vec<String> {
        vec![
            keys.log(channel),
            keys.seen(channel, id),
            keys.announce(channel),
            keys.end(channel),
            keys.retained(channel),
            keys.record(channel, id),
            keys.watched(channel),
        ]
    }

    /// Its arguments.
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
        // A receipt that was waited for in vain is kept for as long again, to be asked for.
        let closes = event.ttl_millis.unwrap_or(retention.receipt_millis);
        let kept = closes.max(deadline.unwrap_or_default()) + retention.receipt_millis;
        arguments.extend([
            event.tracking.as_ref().map_or_else(String::new, |_| event.id.clone()),
            if event.is_watched() { "w" } else { "" }.to_owned(),
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

    /// Its answer.
    pub fn reply(text: &str) -> Result<Accepted, ReplyError> {
        let wrong = || ReplyError(text.chars().take(80).collect());
        let mut words = text.split(' ');
        let (again, scheduled) = match words.next() {
            Some("new") => (false, false),
            Some("again") => (true, false),
            Some("scheduled") => (false, true),
            _ => return Err(wrong()),
        };
        let cursor = match words.next() {
            Some("-") => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| wrong())?),
            None => return Err(wrong()),
        };
        let nodes = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        Ok(Accepted { cursor, nodes, again, scheduled })
    }

    /// An entry of the log as the announcement that it once was.
    pub fn entry(channel: &Channel, cursor: Cursor, entry: &Entry<'_>) -> Announcement {
        Announcement {
            channel: channel.clone(),
            class: Class::Durable,
            place: Some(Place { cursor, previous: entry.previous }),
            accepted_at: cursor.millis * 1000,
            expires_at: entry.expires_at,
            watched: entry.watched.map(Box::from),
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
    /// Field `i`, if its publisher wants to know what becomes of it: its id.
    pub watched: Option<&'a str>,
}

/// A retained value as the script writes it: `<version> <accepted> <expires>`, a line's end, and the frame.
pub fn retained(channel: &Channel, value: &Bytes) -> Option<Announcement> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let mut words = std::str::from_utf8(&value[..end]).ok()?.split(' ');
    let cursor = words.next()?.parse().ok()?;
    let accepted_at = words.next()?.parse().ok()?;
    let expires_at = words.next().filter(|word| *word != "-").map(str::parse).transpose().ok()?;
    let place = Some(Place { cursor, previous: Cursor::START });
    let (class, frame) = (Class::Retained, value.slice(end + 1..));
    Some(Announcement { channel: channel.clone(), class, place, accepted_at, expires_at, watched: None, frame })
}

/// The ends of a channel as the script writes them: the cursor of its last event, and the version of its last retained
/// value.
pub fn ends(text: &str) -> Option<(Cursor, Cursor)> {
    let (log, version) = text.split_once(' ').unwrap_or((text, "0-0"));
    Some((log.parse().ok()?, version.parse().ok()?))
}
