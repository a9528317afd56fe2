//! Encodes a node's frames as CloudEvents.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{OWN_SOURCE, PREFIX, SPEC_VERSION, uri};

/// Members with the same name in a CloudEvent, in this order, besides `type` and `source`.
const UNCHANGED: [&str; 3] = ["id", "time", "traceparent"];
/// Members that become extension attributes, such as `wirebellchannel`.
const RENAMED: [&str; 5] = ["channel", "cursor", "key", "ack", "ref"];

type Members<'a> = BTreeMap<&'a str, &'a RawValue>;

/// Encodes a node's frame as a CloudEvent in JSON. An event keeps its id and, byte for byte, its
/// data. A frame with the prefix `wirebell.` gets a new id, and its members become the data.
pub fn encode(frame: &Bytes, id: impl FnOnce() -> String) -> Bytes {
    // Nodes and publishers write only objects with plain member names.
    let Ok(mut members) = serde_json::from_slice::<Members<'_>>(frame) else { return frame.clone() };
    let Some(kind) = members.remove("type") else { return frame.clone() };
    let mut event = Writer(String::with_capacity(frame.len() + 160));
    event.text("specversion", SPEC_VERSION);
    event.raw("type", kind.get());
    event.text("source", &source(members.remove("source")));
    if kind.get().starts_with("\"wirebell.") {
        event.text("id", &id());
        event.control(members);
    } else {
        event.event(&mut members);
    }
    event.0.push('}');
    event.0.into()
}

fn source(raw: Option<&RawValue>) -> String {
    let named: Option<String> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    named.map_or_else(|| OWN_SOURCE.to_owned(), |named| uri::reference(&named).into_owned())
}

/// Writes one JSON object, member by member.
struct Writer(String);

impl Writer {
    fn event(&mut self, members: &mut Members<'_>) {
        for name in UNCHANGED {
            if let Some(raw) = members.remove(name) {
                self.raw(name, raw.get());
            }
        }
        for name in RENAMED {
            if let Some(raw) = members.remove(name) {
                self.raw(&format!("{PREFIX}{name}"), raw.get());
            }
        }
        self.raw("datacontenttype", "\"application/json\"");
        self.raw("data", members.remove("data").map_or("null", RawValue::get));
    }

    /// Writes a `wirebell.` frame: its `data` if it has one, otherwise all members as the data.
    fn control(&mut self, mut members: Members<'_>) {
        if let Some(reference) = members.remove("ref") {
            self.raw("wirebellref", reference.get());
        }
        self.raw("datacontenttype", "\"application/json\"");
        if let Some(data) = members.remove("data") {
            return self.raw("data", data.get());
        }
        let mut data = Self(String::new());
        for (name, raw) in members {
            data.raw(name, raw.get());
        }
        if data.0.is_empty() {
            data.0.push('{');
        }
        data.0.push('}');
        self.raw("data", &data.0);
    }

    fn text(&mut self, name: &str, text: &str) {
        // A string always serializes.
        self.raw(name, &serde_json::to_string(text).unwrap_or_default());
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(frame: &'static str) -> String {
        let bytes = encode(&Bytes::from_static(frame.as_bytes()), || "made".to_owned());
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn event_keeps_its_id_and_data() {
        let frame = r#"{"type":"t \"x\"","id":"a/1","channel":"user:42","cursor":"5-1","time":"2026-11-21T10:00:00Z","source":"my shop","data":{ "b": 1.00 },"ack":true,"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        let expected = r#"{"specversion":"1.0","type":"t \"x\"","source":"my%20shop","id":"a/1","time":"2026-11-21T10:00:00Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","wirebellchannel":"user:42","wirebellcursor":"5-1","wirebellack":true,"datacontenttype":"application/json","data":{ "b": 1.00 }}"#;
        assert_eq!(encoded(frame), expected);
    }

    #[test]
    fn control_frame_becomes_data() {
        for (frame, expected) in [
            (
                r#"{"type":"wirebell.gap","channel":"user:42"}"#,
                r#"{"specversion":"1.0","type":"wirebell.gap","source":"wirebell","id":"made","datacontenttype":"application/json","data":{"channel":"user:42"}}"#,
            ),
            (
                r#"{"type":"wirebell.reply","ref":"7","data":[ 1 ]}"#,
                r#"{"specversion":"1.0","type":"wirebell.reply","source":"wirebell","id":"made","wirebellref":"7","datacontenttype":"application/json","data":[ 1 ]}"#,
            ),
            (
                r#"{"type":"wirebell.pong"}"#,
                r#"{"specversion":"1.0","type":"wirebell.pong","source":"wirebell","id":"made","datacontenttype":"application/json","data":{}}"#,
            ),
        ] {
            assert_eq!(encoded(frame), expected);
        }
    }
}
