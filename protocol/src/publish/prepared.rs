//! An event prepared for one of its channels. The frame is encoded once, with a gap for the cursor
//! that the log assigns.

use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::event::Durability;
use crate::{Channel, Class, Cursor, Event};

/// One event, prepared for one channel.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The channel.
    pub channel: Channel,
    /// The class.
    pub class: Class,
    /// Identity and idempotency key: the event's `id`. A CloudEvent's id has its source before it,
    /// because only both together identify the event.
    pub id: String,
    /// Time to live in milliseconds.
    pub ttl_millis: Option<u64>,
    /// The key of a retained event; its type if it has no key.
    pub key: String,
    /// When the event counts as published, if the event says so itself.
    pub durability: Option<Durability>,
    /// What the delivery record must hold; `None` if the event needs no record.
    pub tracking: Option<Tracking>,
    pub(crate) head: String,
    pub(crate) tail: String,
}

/// What the delivery record of an event must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// The event has a receipt or a deadline, so its delivery is tracked.
    pub tracks_delivery: bool,
    /// Milliseconds until the event goes to the fallback stream, unless a device acknowledges it.
    pub deadline_millis: Option<u64>,
    /// When the event is published, in milliseconds since the Unix epoch.
    pub deliver_at: Option<u64>,
    /// Name of the publishing service.
    pub source: String,
}

impl Prepared {
    /// Prepares a stamped event for each of its channels. Returns nothing for an event that is not
    /// stamped: without an id, a second attempt would be another event.
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

    /// Returns whether the event has a receipt or a deadline.
    pub fn is_tracked(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.tracks_delivery)
    }

    /// Returns the frame with this cursor.
    pub fn frame(&self, cursor: Option<Cursor>) -> Bytes {
        assemble(&self.head, cursor, &self.tail)
    }

    /// Returns the event's size in a log, in bytes.
    pub fn size(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

/// Joins the two parts of a frame around the cursor.
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
    // Only events with a cursor can be acknowledged.
    if event.is_tracked() && event.class == Class::Durable {
        tail.push_str(r#","ack":true"#);
    }
    // The trace context is the last member because `trace` replaces it in place.
    if let Some(traceparent) = &event.traceparent {
        tail.push_str(r#","traceparent":"#);
        tail.push_str(&json(traceparent));
    }
    tail.push('}');
    tail
}

fn tracking(event: &Event) -> Option<Tracking> {
    let deliver_at = event.deliver_at.as_deref().and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    let tracks_delivery = event.is_tracked();
    (tracks_delivery || deliver_at.is_some()).then(|| Tracking {
        tracks_delivery,
        deadline_millis: event.deadline.map(|seconds| seconds * 1000),
        deliver_at: deliver_at.map(|at| u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()),
        source: event.source.clone().unwrap_or_default(),
    })
}

fn json(text: &str) -> String {
    // A string always serializes.
    serde_json::to_string(text).unwrap_or_default()
}
