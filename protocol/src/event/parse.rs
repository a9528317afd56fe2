//! Parses an event attribute by attribute; an error names the attribute and the expected value.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Class, Durability, Event, EventError, MAX_CHANNELS, MAX_COPIED_BYTES, MAX_DATA_BYTES, MAX_NAME_BYTES};
use crate::channel::Kind;
use crate::{Channel, trace};

/// The attributes as written. `null` counts as absent, except in `data`, where it is a value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "null_as_value")]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    class: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    ttl: Option<&'a RawValue>,
    #[serde(borrow)]
    deliver_at: Option<&'a RawValue>,
    #[serde(borrow)]
    receipt: Option<&'a RawValue>,
    #[serde(borrow)]
    deadline: Option<&'a RawValue>,
    #[serde(borrow)]
    durability: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
}

fn null_as_value<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

pub(super) fn event(json: &[u8], max_data: usize) -> Result<Event, EventError> {
    let wire: Wire<'_> = serde_json::from_slice(json).map_err(|error| not_an_event(&error))?;
    let required = |attribute, value: Option<_>| {
        value.ok_or_else(|| EventError::invalid(attribute, "is required: `to`, `type` and `data` make an event"))
    };
    let to = targets(required("to", wire.to)?)?;
    let kind = kind(&text("type", required("type", wire.r#type)?)?)?;
    let data = data(required("data", wire.data)?, max_data)?;
    check_rules(Event {
        to: channels(to, &data)?,
        kind,
        data,
        scope: None,
        id: optional(wire.id, |raw| name("id", &text("id", raw)?))?,
        source: optional(wire.source, |raw| name("source", &text("source", raw)?))?,
        time: optional(wire.time, |raw| time("time", &text("time", raw)?))?,
        class: optional(wire.class, |raw| class(&text("class", raw)?))?.unwrap_or_default(),
        key: optional(wire.key, |raw| name("key", &text("key", raw)?))?,
        ttl: optional(wire.ttl, |raw| ttl(seconds("ttl", raw)?))?,
        deliver_at: optional(wire.deliver_at, |raw| time("deliver_at", &text("deliver_at", raw)?))?,
        receipt: optional(wire.receipt, |raw| boolean("receipt", raw))?.unwrap_or_default(),
        deadline: optional(wire.deadline, |raw| deadline(seconds("deadline", raw)?))?,
        durability: optional(wire.durability, |raw| durability(&text("durability", raw)?))?,
        traceparent: optional(wire.traceparent, |raw| traceparent(&text("traceparent", raw)?))?,
    })
}

fn not_an_event(error: &serde_json::Error) -> EventError {
    EventError::invalid("event", format!("expected one JSON object with the attributes of an event: {error}"))
}

/// Checks rules between attributes.
pub(crate) fn check_rules(event: Event) -> Result<Event, EventError> {
    let reject = |attribute, message: &str| Err(EventError::invalid(attribute, message));
    if event.key.is_some() && event.class != Class::Retained {
        return reject("key", "belongs to a retained event: add `\"class\":\"retained\"`");
    }
    if event.deadline.is_some() && event.class != Class::Durable {
        return reject("deadline", "only a durable event can be acknowledged by its deadline");
    }
    if event.class == Class::Retained && event.to.iter().any(|to| matches!(to.kind(), Kind::Connection(_))) {
        return reject(
            "to",
            "a connection cannot retain events, because its id is never used again; use `durable`",
        );
    }
    if event.class == Class::Volatile && event.durability == Some(Durability::Replicated) {
        return reject("durability", "a volatile event is not stored, so there is nothing to replicate");
    }
    Ok(event)
}

fn optional<'a, T>(
    value: Option<&'a RawValue>,
    read: impl FnOnce(&'a RawValue) -> Result<T, EventError>,
) -> Result<Option<T>, EventError> {
    value.map(read).transpose()
}

fn text(attribute: &'static str, raw: &RawValue) -> Result<String, EventError> {
    serde_json::from_str(raw.get())
        .map_err(|_| EventError::invalid(attribute, format!("expected a string, found {}", shape(raw))))
}

fn seconds(attribute: &'static str, raw: &RawValue) -> Result<u64, EventError> {
    serde_json::from_str(raw.get())
        .map_err(|_| EventError::invalid(attribute, format!("expected whole seconds, found {}", shape(raw))))
}

fn boolean(attribute: &'static str, raw: &RawValue) -> Result<bool, EventError> {
    serde_json::from_str(raw.get())
        .map_err(|_| EventError::invalid(attribute, format!("expected `true` or `false`, found {}", shape(raw))))
}

/// Returns the JSON type of a value, which does not reveal the payload.
fn shape(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "another number",
    }
}

fn targets(raw: &RawValue) -> Result<Vec<Channel>, EventError> {
    let names: Vec<String> = match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(raw.get())
            .map_err(|_| EventError::invalid("to", "expected a list of channels, each a string"))?,
        _ => vec![text("to", raw)?],
    };
    names.iter().map(|name| channel(name)).collect()
}

pub(crate) fn channels(mut to: Vec<Channel>, data: &RawValue) -> Result<Vec<Channel>, EventError> {
    if to.is_empty() {
        return Err(EventError::invalid("to", "the list of channels is empty"));
    }
    if to.len() > MAX_CHANNELS {
        return Err(EventError::too_large("to", format!("{} channels; at max {MAX_CHANNELS}", to.len())));
    }
    // A channel that is named twice gets the event once.
    let mut seen = std::collections::HashSet::new();
    to.retain(|channel| seen.insert(channel.clone()));
    let copied = to.len() * data.get().len();
    if copied > MAX_COPIED_BYTES {
        let message = format!("{copied} bytes of data over all channels; at max {MAX_COPIED_BYTES}");
        return Err(EventError::too_large("to", message));
    }
    Ok(to)
}

pub(crate) fn channel(name: &str) -> Result<Channel, EventError> {
    Ok(Channel::parse(name)?)
}

pub(crate) fn kind(name: &str) -> Result<String, EventError> {
    if name.starts_with("wirebell.") {
        return Err(EventError::invalid("type", "types that begin with `wirebell.` are reserved"));
    }
    self::name("type", name)
}

pub(crate) fn name(attribute: &'static str, value: &str) -> Result<String, EventError> {
    if value.is_empty() {
        return Err(EventError::invalid(attribute, "is empty"));
    }
    if value.len() > MAX_NAME_BYTES {
        return Err(EventError::too_large(attribute, format!("longer than {MAX_NAME_BYTES} bytes")));
    }
    if value.chars().any(char::is_control) {
        return Err(EventError::invalid(attribute, "has a control character"));
    }
    Ok(value.to_owned())
}

pub(crate) fn raw(data: &impl Serialize) -> Result<Box<RawValue>, EventError> {
    serde_json::value::to_raw_value(data)
        .map_err(|error| EventError::invalid("data", format!("cannot be written as JSON: {error}")))
}

pub(crate) fn data(raw: &RawValue, max_data: usize) -> Result<Box<RawValue>, EventError> {
    let (length, max) = (raw.get().len(), max_data.min(MAX_DATA_BYTES));
    if length > max {
        return Err(EventError::too_large("data", format!("{length} bytes; at max {max}")));
    }
    Ok(raw.to_owned())
}

pub(crate) fn time(attribute: &'static str, value: &str) -> Result<String, EventError> {
    OffsetDateTime::parse(value, &Rfc3339)
        .map_err(|_| EventError::invalid(attribute, "expected RFC 3339, like `2026-11-21T10:00:00.123Z`"))?;
    Ok(value.to_owned())
}

pub(crate) fn class(name: &str) -> Result<Class, EventError> {
    Class::parse(name).ok_or_else(|| EventError::invalid("class", "expected `durable`, `retained` or `volatile`"))
}

pub(crate) fn durability(name: &str) -> Result<Durability, EventError> {
    Durability::parse(name).ok_or_else(|| EventError::invalid("durability", "expected `primary` or `replicated`"))
}

pub(crate) fn deadline(seconds: u64) -> Result<u64, EventError> {
    const MAX_SECONDS: u64 = 7 * 24 * 60 * 60;
    if (1..=MAX_SECONDS).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(EventError::invalid("deadline", format!("expected 1 to {MAX_SECONDS} seconds")))
    }
}

pub(crate) fn ttl(seconds: u64) -> Result<u64, EventError> {
    const MAX_SECONDS: u64 = 366 * 24 * 60 * 60;
    if (1..=MAX_SECONDS).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(EventError::invalid("ttl", format!("expected 1 to {MAX_SECONDS} seconds")))
    }
}

pub(crate) fn traceparent(value: &str) -> Result<String, EventError> {
    if trace::is_traceparent(value) {
        Ok(value.to_owned())
    } else {
        Err(EventError::invalid("traceparent", "expected W3C trace context, `00-<32 hex>-<16 hex>-<2 hex>`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn error_of(json: &str) -> (&'static str, ErrorCode) {
        let error = event(json.as_bytes(), 100).unwrap_err();
        (error.attribute, error.code)
    }

    #[test]
    fn only_to_type_and_data_are_required() {
        let event = event(br#"{"to":"user:42","type":"t","data":{ "a" : 1.0 }}"#, 100).unwrap();
        assert_eq!(event.data.get(), r#"{ "a" : 1.0 }"#);
        assert_eq!(event.class, Class::Durable);
    }

    #[test]
    fn null_counts_as_absent_except_in_data() {
        let event =
            event(br#"{"to":["all","all"],"type":"t","data":null,"key":null,"id":null,"receipt":false}"#, 9);
        let event = event.unwrap();
        assert_eq!((event.data.get(), event.id, event.to.len()), ("null", None, 1));
    }

    #[test]
    fn error_names_the_attribute() {
        for (json, attribute, code) in [
            ("", "event", ErrorCode::InvalidEvent),
            ("[]", "event", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"clas":"x"}"#, "event", ErrorCode::InvalidEvent),
            (r#"{"type":"t","data":1}"#, "to", ErrorCode::InvalidEvent),
            (r#"{"to":[],"type":"t","data":1}"#, "to", ErrorCode::InvalidEvent),
            (r#"{"to":7,"type":"t","data":1}"#, "to", ErrorCode::InvalidEvent),
            (r#"{"to":"42","type":"t","data":1}"#, "to", ErrorCode::InvalidEvent),
            (r#"{"to":"all","data":1}"#, "type", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"wirebell.x","data":1}"#, "type", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t"}"#, "data", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"class":"eternal"}"#, "class", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"key":"k"}"#, "key", ErrorCode::InvalidEvent),
            (r#"{"to":"conn:abcdefgh.1","type":"t","data":1,"class":"retained"}"#, "to", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"receipt":"yes"}"#, "receipt", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"deadline":0}"#, "deadline", ErrorCode::InvalidEvent),
            (
                r#"{"to":"all","type":"t","data":1,"deadline":9,"class":"volatile"}"#,
                "deadline",
                ErrorCode::InvalidEvent,
            ),
            (r#"{"to":"all","type":"t","data":1,"deliver_at":"soon"}"#, "deliver_at", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"durability":"gold"}"#, "durability", ErrorCode::InvalidEvent),
            (
                r#"{"to":"all","type":"t","data":1,"durability":"replicated","class":"volatile"}"#,
                "durability",
                ErrorCode::InvalidEvent,
            ),
            (r#"{"to":"all","type":"t","data":1,"ttl":0}"#, "ttl", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"ttl":-1}"#, "ttl", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"time":"yesterday"}"#, "time", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"id":""}"#, "id", ErrorCode::InvalidEvent),
            (r#"{"to":"all","type":"t","data":1,"traceparent":"00-0"}"#, "traceparent", ErrorCode::InvalidEvent),
        ] {
            assert_eq!(error_of(json), (attribute, code), "{json}");
        }
        let large = format!(r#"{{"to":"all","type":"t","data":"{}"}}"#, "x".repeat(100));
        assert_eq!(error_of(&large), ("data", ErrorCode::TooLarge));
    }

    #[test]
    fn large_data_to_many_channels_is_rejected() {
        let to: Vec<String> = (0..100).map(|n| format!("\"user:{n}\"")).collect();
        let with =
            |bytes: usize| format!(r#"{{"to":[{}],"type":"t","data":"{}"}}"#, to.join(","), "x".repeat(bytes));
        let read = |bytes| event(with(bytes).as_bytes(), MAX_DATA_BYTES).map(|event| event.to.len());
        assert_eq!(read(300_000), Ok(100));
        assert_eq!(read(400_000).map_err(|error| (error.attribute, error.code)), Err(("to", ErrorCode::TooLarge)));
    }

    #[test]
    fn event_round_trips_as_json() {
        let json = r#"{"to":["user:1","all"],"type":"t","data":[1, 2],"id":"a","class":"volatile","ttl":5}"#;
        assert_eq!(event(json.as_bytes(), 100).unwrap().to_json(), json);
        let json = r#"{"to":"user:1","type":"t","data":1,"deliver_at":"2026-11-21T10:00:00Z","receipt":true,"deadline":20,"durability":"replicated"}"#;
        assert_eq!(event(json.as_bytes(), 100).unwrap().to_json(), json);
        let json = r#"{"to":"user:1","type":"t","data":1,"class":"retained","key":"k"}"#;
        assert_eq!(event(json.as_bytes(), 100).unwrap().to_json(), json);
    }
}
