//! An event: what a service publishes. Attributes are those of CloudEvents 1.0 where it has one.

pub(crate) mod parse;
mod wire;

use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

pub(crate) use self::parse::name;
use crate::channel::{Channel, ChannelError};
use crate::fault::Fault;

/// How an event is kept, and what happens when a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// In the channel's log; every device, in order.
    #[default]
    Durable,
    /// The last one per key.
    Retained,
    /// Not stored; who is connected now.
    Volatile,
}

/// When an event counts as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// The primary has it.
    #[default]
    Primary,
    /// A replica has it too, so that a failover does not lose it.
    Replicated,
}

/// Something that a service has to tell.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) to: Vec<Channel>,
    pub(crate) kind: String,
    pub(crate) data: Box<RawValue>,
    pub(crate) id: Option<String>,
    /// Whose ids its `id` is one of, where those of others may be alike.
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

/// Which attribute of an event is wrong, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{attribute}`: {message}")]
pub struct EventError {
    /// The attribute, as the publisher writes it.
    pub attribute: &'static str,
    /// What was expected, and what was found.
    pub message: String,
    /// [`Fault::InvalidEvent`] or [`Fault::TooLarge`].
    pub fault: Fault,
}

impl EventError {
    pub(crate) fn invalid(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { attribute, message: message.into(), fault: Fault::InvalidEvent }
    }

    pub(crate) fn too_large(attribute: &'static str, message: impl Into<String>) -> Self {
        Self { attribute, message: message.into(), fault: Fault::TooLarge }
    }
}

/// The most channels that one event may name.
pub const MAX_CHANNELS: usize = 1_000;
/// The longest `id`, `type`, `source` and `key`, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// The largest `data`, in bytes of JSON. A node may be configured to take less.
pub const MAX_DATA_BYTES: usize = 1024 * 1024;
/// The most that `data` may come to over all channels of one event, in bytes: each channel has a log of its own.
pub const MAX_COPIED_BYTES: usize = 32 * 1024 * 1024;

impl Event {
    /// An event to one channel. `data` is written as JSON now and never again.
    pub fn new(to: &str, kind: &str, data: &impl Serialize) -> Result<Self, EventError> {
        Self::with_data(to, kind, &parse::raw(data)?)
    }

    /// An event whose data is JSON text already. It reaches the client byte for byte.
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

    /// Reads an event as a service writes it, in JSON. `max_data` bounds the bytes of `data`.
    pub fn parse(json: &[u8], max_data: usize) -> Result<Self, EventError> {
        parse::event(json, max_data)
    }

    /// Also to this channel.
    pub fn and_to(mut self, channel: &str) -> Result<Self, EventError> {
        self.to.push(parse::channel(channel)?);
        let to = parse::channels(self.to, &self.data)?;
        parse::whole(Self { to, ..self })
    }

    /// Its identity and idempotency key.
    pub fn id(mut self, id: &str) -> Result<Self, EventError> {
        self.id = Some(name("id", id)?);
        Ok(self)
    }

    /// Which service says so.
    pub fn source(mut self, source: &str) -> Result<Self, EventError> {
        self.source = Some(name("source", source)?);
        Ok(self)
    }

    /// When it happened, in RFC 3339.
    pub fn time(mut self, time: &str) -> Result<Self, EventError> {
        self.time = Some(parse::time("time", time)?);
        Ok(self)
    }

    /// How it is kept.
    pub fn class(mut self, class: Class) -> Result<Self, EventError> {
        self.class = class;
        parse::whole(self)
    }

    /// What it is the newest value of, which makes it a retained event. Without a key, a retained event is the newest of
    /// its type.
    pub fn key(mut self, key: &str) -> Result<Self, EventError> {
        self.class = Class::Retained;
        self.key = Some(name("key", key)?);
        parse::whole(self)
    }

    /// Not before this time, in RFC 3339.
    pub fn deliver_at(mut self, time: &str) -> Result<Self, EventError> {
        self.deliver_at = Some(parse::time("deliver_at", time)?);
        Ok(self)
    }

    /// Its publisher wants to know what becomes of it.
    #[must_use]
    pub fn receipt(mut self) -> Self {
        self.receipt = true;
        self
    }

    /// If no device has acknowledged it after so many seconds, it goes to the fallback stream.
    pub fn deadline(mut self, seconds: u64) -> Result<Self, EventError> {
        self.deadline = Some(parse::deadline(seconds)?);
        parse::whole(self)
    }

    /// When it counts as published.
    pub fn durability(mut self, durability: Durability) -> Result<Self, EventError> {
        self.durability = Some(durability);
        parse::whole(self)
    }

    /// For how many seconds it is worth delivering.
    pub fn ttl(mut self, seconds: u64) -> Result<Self, EventError> {
        self.ttl = Some(parse::ttl(seconds)?);
        Ok(self)
    }

    /// The W3C trace context that the delivery continues.
    pub fn traceparent(mut self, traceparent: &str) -> Result<Self, EventError> {
        self.traceparent = Some(parse::traceparent(traceparent)?);
        Ok(self)
    }

    /// Gives it an id and a time where it has none, so that every try to publish it is the same event.
    pub fn stamp(&mut self, id: impl FnOnce() -> String, time: impl FnOnce() -> String) {
        self.id.get_or_insert_with(id);
        self.time.get_or_insert_with(time);
    }

    /// The channels it goes to.
    pub fn channels(&self) -> &[Channel] {
        &self.to
    }

    /// The id, once it has one.
    pub fn event_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The type.
    pub fn event_type(&self) -> &str {
        &self.kind
    }

    /// How it is kept.
    pub fn event_class(&self) -> Class {
        self.class
    }

    /// When it counts as published, if it says so itself.
    pub fn event_durability(&self) -> Option<Durability> {
        self.durability
    }

    /// Does its publisher want to know what becomes of it?
    pub fn is_watched(&self) -> bool {
        self.receipt || self.deadline.is_some()
    }

    /// The trace context that came with it.
    pub fn trace_context(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The event as a service writes it.
    pub fn to_json(&self) -> String {
        wire::json(self)
    }
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Durable, Self::Retained, Self::Volatile];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Retained => "retained",
            Self::Volatile => "volatile",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

impl Durability {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replicated => "replicated",
        }
    }

    /// The one of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Primary, Self::Replicated].into_iter().find(|durability| durability.as_str() == name)
    }
}

/// RFC 3339 in UTC with exactly three digits of a second: texts of one length sort by time.
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
