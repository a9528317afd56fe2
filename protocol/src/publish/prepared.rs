//! An event made ready for one of its channels: its frame is written once, here, with a hole for the cursor that
//! only the log can give.

use bytes::Bytes;

use crate::{Channel, Class, Cursor, Event};

/// One event on its way to one channel.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it goes.
    pub channel: Channel,
    /// How it is kept.
    pub class: Class,
    /// Its identity and idempotency key.
    pub id: String,
    /// For how many milliseconds it is worth delivering.
    pub ttl_millis: Option<u64>,
    pub(crate) head: String,
    pub(crate) tail: String,
}

impl Prepared {
    /// One for each channel of a stamped event; none if it was not stamped, since an event without an id has no
    /// identity that a second try could share.
    pub fn all(event: &Event) -> Vec<Self> {
        let (Some(id), Some(time)) = (event.id.as_deref(), event.time.as_deref()) else { return Vec::new() };
        let tail = tail(event, time);
        let one = |channel: &Channel| Self {
            channel: channel.clone(),
            class: event.class,
            id: id.to_owned(),
            ttl_millis: event.ttl.map(|seconds| seconds * 1000),
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
    tail.push_str(r#","data":"#);
    tail.push_str(event.data.get());
    // Last, where a node finds it: see `trace`.
    if let Some(traceparent) = &event.traceparent {
        tail.push_str(r#","traceparent":"#);
        tail.push_str(&json(traceparent));
    }
    tail.push('}');
    tail
}

fn json(text: &str) -> String {
    // A string can always be written as JSON.
    serde_json::to_string(text).unwrap_or_default()
}
