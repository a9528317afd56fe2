//! An event made ready for one of its channels: its frame is written once, here, with a hole for the cursor that
//! only the log can give.

use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::Durability;
use crate::{Channel, Class, Cursor, Event};

/// One event on its way to one channel.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it goes.
    pub channel: Channel,
    /// How it is kept.
    pub class: Class,
    /// Its identity and idempotency key: its `id`, with the source before it if only the two together name the event.
    pub id: String,
    /// For how many milliseconds it is worth delivering.
    pub ttl_millis: Option<u64>,
    /// What it is the newest value of, if it is retained; its type, if it has no key of its own.
    pub key: String,
    /// When it counts as published, if it says so itself.
    pub durability: Option<Durability>,
    /// What has to be kept of its fate, if anything.
    pub tracking: Option<Tracking>,
    pub(crate) head: String,
    pub(crate) tail: String,
}

/// What has to be kept of an event's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// Its publisher wants to know what becomes of it, or it has a deadline.
    pub watched: bool,
    /// Milliseconds until it falls back, unless a device has acknowledged it.
    pub deadline_millis: Option<u64>,
    /// When it is to be published, in milliseconds since the Unix epoch.
    pub deliver_at: Option<u64>,
    /// Which service published it.
    pub source: String,
}

impl Prepared {
    /// One for each channel of a stamped event; none if it was not stamped, since an event without an id has no
    /// identity that a second try could share.
    pub fn all(event: &Event) -> Vec<Self> {
        let (Some(id), Some(time)) = (event.id.as_deref(), event.time.as_deref()) else { return Vec::new() };
        let identity = event.scope.as_ref().map_or_else(|| id.to_owned(), |scope| format!("{scope} {id}"));
        let tail = tail(event, time);
        let tracking = tracking(event);
        let one = |channel: &Channel| Self {
            channel: channel.clone(),
            class: event.class,
            id: identity.clone(),
            ttl_millis: event.ttl.map(|seconds| seconds * 1000),
            key: event.key.as_ref().unwrap_or(&event.kind).clone(),
            durability: event.durability,
            tracking: tracking.clone(),
            head: format!(
                r#"{{"type":{},"id":{},"channel":{}"#,
                json(&event.kind),
                json(id),
                json(channel.as_str())
            ),
            tail: tail.clone(),
        };
        event.to.iter().map(one).collect()
    }

    /// Does its publisher want to know what becomes of it?
    pub fn is_watched(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.watched)
    }

    /// The frame, once the log has given the cursor.
    pub fn frame(&self, cursor: Option<Cursor>) -> Bytes {
        assemble(&self.head, cursor, &self.tail)
    }

    /// Bytes that it takes in a log, to bound one by.
    pub fn size(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

/// Joins the two halves of a frame around its cursor.
pub(crate) fn assemble(head: &str, cursor: Option<Cursor>, tail: &str) -> Bytes {
    match cursor {
        Some(cursor) => format!(r#"{head},"cursor":"{cursor}"{tail}"#).into(),
        None => format!("{head}{tail}").into(),
    }
}

fn tail(event: &Event, time: &str) -> String {
    let mut tail = format!(r#","time":{}"#, json(time));
    if let Some(source) = &event.source {
        tail.push_str(r#","source":"#);
        tail.push_str(&json(source));
    }
    if event.class == Class::Retained {
        tail.push_str(r#","key":"#);
        tail.push_str(&json(event.key.as_ref().unwrap_or(&event.kind)));
    }
    tail.push_str(r#","data":"#);
    tail.push_str(event.data.get());
    // Only what has a cursor can be acknowledged.
    if event.is_watched() && event.class == Class::Durable {
        tail.push_str(r#","ack":true"#);
    }
    // Last, where a node finds it: see `trace`.
    if let Some(traceparent) = &event.traceparent {
        tail.push_str(r#","traceparent":"#);
        tail.push_str(&json(traceparent));
    }
    tail.push('}');
    tail
}

fn tracking(event: &Event) -> Option<Tracking> {
    let deliver_at = event.deliver_at.as_deref().and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    let watched = event.is_watched();
    (watched || deliver_at.is_some()).then(|| Tracking {
        watched,
        deadline_millis: event.deadline.map(|seconds| seconds * 1000),
        deliver_at: deliver_at.map(|at| u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()),
        source: event.source.clone().unwrap_or_default(),
    })
}

fn json(text: &str) -> String {
    // A string can always be written as JSON.
    serde_json::to_string(text).unwrap_or_default()
}
