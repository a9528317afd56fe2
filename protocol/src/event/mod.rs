//! Events: what services publish. Attributes follow CloudEvents 1.0 where it defines one.
//!
//! Input: JSON from a service, or values from the builder. Output: a valid [`Event`], or an
//! [`EventError`] that names the attribute. The module does not know how events are stored or sent.

pub(crate) mod parse;
mod wire;

use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

pub(crate) use self::parse::name;
use crate::channel::{Channel, ChannelError};
use crate::error_code::ErrorCode;

/// The class of an event: how it is stored, and what happens when a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// Stored in the channel's log; every device gets all events in order.
    #[default]
    Durable,
    /// Only the last event of each key is stored.
    Retained,
    /// Not stored; only connected clients get the event.
    Volatile,
}

/// When an event counts as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// The primary has stored the event.
    #[default]
    Primary,
    /// A replica has stored the event too, so a failover does not lose it.
    Replicated,
}

/// An event from a service.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) to: Vec<Channel>,
    pub(crate) kind: String,
    pub(crate) data: Box<RawValue>,
    pub(crate) id: Option<String>,
    /// The namespace of `id`: a CloudEvent's id is unique only within its source.
    pub(crate) scope: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) class: Class,
    pub(crate) key: Option<String>,
    pub(crate) ttl: Option<u64>,
    pub(crate) deliver_at: Option<String>,
    pub(crate) receipt: bool,
    pub(crate) deadline: Option<u64>,
    pub(crate) durability: Option<Durability>,
    pub(crate) traceparent: Option<String>,
}

/// An invalid attribute of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{attribute}`: {message}")]
pub struct EventError {
    /// The attribute's name as the publisher writes it.
    pub attribute: &'static str,
    /// The expected value, and the value that was found.
    pub message: String,
    /// [`ErrorCode::InvalidEvent`] or [`ErrorCode::TooLarge`].
    pub code: ErrorCode,
}

impl EventError {
    pub(crate) fn invalid(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { attribute, message: message.into(), code: ErrorCode::InvalidEvent }
    }

    pub(crate) fn too_large(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { attribute, message: message.into(), code: ErrorCode::TooLarge }
    }
}

/// Maximum number of channels of one event.
pub const MAX_CHANNELS: usize = 1_000;
/// Maximum length of `id`, `type`, `source` and `key`, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Maximum size of `data`, in bytes of JSON. A node may be configured with a lower limit.
pub const MAX_DATA_BYTES: usize = 1024 * 1024;
/// Maximum size of `data` times the number of channels, in bytes: each channel has its own log.
pub const MAX_COPIED_BYTES: usize = 32 * 1024 * 1024;

impl Event {
    /// Creates an event for one channel. `data` is serialized to JSON once, here.
    pub fn new(to: &str, kind: &str, data: &impl Serialize) -> Result<Self, EventError> {
        Self::with_data(to, kind, &parse::raw(data)?)
    }

    /// Creates an event from data that is JSON text. The client gets it byte for byte.
    pub fn from_json(to: &str, kind: &str, data: &str) -> Result<Self, EventError> {
        let data = serde_json::from_str::<&RawValue>(data)
            .map_err(|error| EventError::invalid("data", format!("expected JSON: {error}")))?;
        Self::with_data(to, kind, data)
    }

    fn with_data(to: &str, kind: &str, data: &RawValue) -> Result<Self, EventError> {
        Ok(Self {
            to: vec![parse::channel(to)?],
            kind: parse::kind(kind)?,
            data: parse::data(data, MAX_DATA_BYTES)?,
            id: None,
            scope: None,
            source: None,
            time: None,
            class: Class::Durable,
            key: None,
            ttl: None,
            deliver_at: None,
            receipt: false,
            deadline: None,
            durability: None,
            traceparent: None,
        })
    }

    /// Parses an event in JSON. `max_data` limits the bytes of `data`.
    pub fn parse(json: &[u8], max_data: usize) -> Result<Self, EventError> {
        parse::event(json, max_data)
    }

    /// Adds a channel.
    pub fn and_to(mut self, channel: &str) -> Result<Self, EventError> {
        self.to.push(parse::channel(channel)?);
        let to = parse::channels(self.to, &self.data)?;
        parse::check_rules(Self { to, ..self })
    }

    /// Sets the identity and idempotency key.
    pub fn id(mut self, id: &str) -> Result<Self, EventError> {
        self.id = Some(name("id", id)?);
        Ok(self)
    }

    /// Sets the name of the publishing service.
    pub fn source(mut self, source: &str) -> Result<Self, EventError> {
        self.source = Some(name("source", source)?);
        Ok(self)
    }

    /// Sets the time of the event, in RFC 3339.
    pub fn time(mut self, time: &str) -> Result<Self, EventError> {
        self.time = Some(parse::time("time", time)?);
        Ok(self)
    }

    /// Sets the class.
    pub fn class(mut self, class: Class) -> Result<Self, EventError> {
        self.class = class;
        parse::check_rules(self)
    }

    /// Sets the key and makes the event retained. Without a key, a retained event replaces the last
    /// one of its type.
    pub fn key(mut self, key: &str) -> Result<Self, EventError> {
        self.class = Class::Retained;
        self.key = Some(name("key", key)?);
        parse::check_rules(self)
    }

    /// Schedules the event for this time, in RFC 3339.
    pub fn deliver_at(mut self, time: &str) -> Result<Self, EventError> {
        self.deliver_at = Some(parse::time("deliver_at", time)?);
        Ok(self)
    }

    /// Requests a receipt.
    #[must_use]
    pub fn receipt(mut self) -> Self {
        self.receipt = true;
        self
    }

    /// Sets the deadline: seconds after which an unacknowledged event goes to the fallback stream.
    pub fn deadline(mut self, seconds: u64) -> Result<Self, EventError> {
        self.deadline = Some(parse::deadline(seconds)?);
        parse::check_rules(self)
    }

    /// Sets when the event counts as published.
    pub fn durability(mut self, durability: Durability) -> Result<Self, EventError> {
        self.durability = Some(durability);
        parse::check_rules(self)
    }

    /// Sets the time to live in seconds.
    pub fn ttl(mut self, seconds: u64) -> Result<Self, EventError> {
        self.ttl = Some(parse::ttl(seconds)?);
        Ok(self)
    }

    /// Sets the W3C Trace Context that the delivery continues.
    pub fn traceparent(mut self, traceparent: &str) -> Result<Self, EventError> {
        self.traceparent = Some(parse::traceparent(traceparent)?);
        Ok(self)
    }

    /// Sets a missing id and time. A stamped event keeps its identity over all publish attempts.
    pub fn stamp(&mut self, id: impl FnOnce() -> String, time: impl FnOnce() -> String) {
        self.id.get_or_insert_with(id);
        self.time.get_or_insert_with(time);
    }

    /// Returns the channels.
    pub fn channels(&self) -> &[Channel] {
        &self.to
    }

    /// Returns the id, if it is set.
    pub fn event_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the type.
    pub fn event_type(&self) -> &str {
        &self.kind
    }

    /// Returns the class.
    pub fn event_class(&self) -> Class {
        self.class
    }

    /// Returns when the event counts as published, if the event says so itself.
    pub fn event_durability(&self) -> Option<Durability> {
        self.durability
    }

    /// Returns whether the event has a receipt or a deadline.
    pub fn is_tracked(&self) -> bool {
        self.receipt || self.deadline.is_some()
    }

    /// Returns the same as [`is_tracked`](Self::is_tracked), under its earlier name.
    pub fn is_watched(&self) -> bool {
        self.is_tracked()
    }

    /// Returns the trace context.
    pub fn trace_context(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// Returns the event as JSON for the server API.
    pub fn to_json(&self) -> String {
        wire::json(self)
    }
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Durable, Self::Retained, Self::Volatile];

    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Retained => "retained",
            Self::Volatile => "volatile",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

impl Durability {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replicated => "replicated",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Primary, Self::Replicated].into_iter().find(|durability| durability.as_str() == name)
    }
}

/// Formats a time in RFC 3339, in UTC and with milliseconds. All texts have one length and sort by
/// time.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, milli) = at.to_hms_milli();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
}

impl From<ChannelError> for EventError {
    fn from(error: ChannelError) -> Self {
        Self::invalid("to", error.to_string())
    }
}
