//! The JSON form of an event for the server API.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Class, Event};
use crate::Channel;

#[derive(Serialize)]
struct Wire<'a> {
    to: To<'a>,
    r#type: &'a str,
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_at: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    receipt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum To<'a> {
    One(&'a Channel),
    Many(&'a [Channel]),
}

pub(super) fn json(event: &Event) -> String {
    let wire = Wire {
        to: match event.to.as_slice() {
            [only] => To::One(only),
            many => To::Many(many),
        },
        r#type: &event.kind,
        data: &event.data,
        id: event.id.as_deref(),
        source: event.source.as_deref(),
        time: event.time.as_deref(),
        class: (event.class != Class::Durable).then(|| event.class.as_str()),
        key: event.key.as_deref(),
        ttl: event.ttl,
        deliver_at: event.deliver_at.as_deref(),
        receipt: event.receipt,
        deadline: event.deadline,
        durability: event.durability.map(super::Durability::as_str),
        traceparent: event.traceparent.as_deref(),
    };
    // Strings, numbers and valid JSON always serialize.
    serde_json::to_string(&wire).unwrap_or_default()
}
