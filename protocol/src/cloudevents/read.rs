//! Parses a CloudEvent from its JSON format, or from the headers and body of HTTP's binary mode.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::data::Data;
use crate::event::EventError;

/// A CloudEvent: its attributes in their canonical text form, and its data.
#[derive(Debug)]
pub struct CloudEvent<'a> {
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) data: Data<'a>,
}

impl<'a> CloudEvent<'a> {
    /// Parses the JSON format.
    pub fn from_json(json: &'a [u8]) -> Result<Self, EventError> {
        let mut members = members(json)?;
        let data = members.remove("data");
        let encoded = members.remove("data_base64").filter(|raw| raw.get() != "null");
        let data = match (data, encoded) {
            (Some(_), Some(_)) => {
                return Err(EventError::invalid(
                    "data_base64",
                    "conflicts with `data`; an event has only one of them",
                ));
            }
            (Some(json), None) => Data::Json(json),
            (None, Some(encoded)) => Data::Bytes(Cow::Owned(bytes(encoded)?)),
            (None, None) => Data::Absent,
        };
        let mut attributes = BTreeMap::new();
        for (name, raw) in members {
            check_name(&name)?;
            if let Some(text) = canonical(&name, raw)? {
                attributes.insert(name, text);
            }
        }
        Ok(Self { attributes, data })
    }

    /// Parses binary mode. An empty body means no data.
    pub fn from_parts(
        attributes: impl IntoIterator<Item = (String, String)>,
        content_type: Option<&str>,
        body: &'a [u8],
    ) -> Result<Self, EventError> {
        let mut read = BTreeMap::new();
        for (name, text) in attributes {
            check_name(&name)?;
            if matches!(name.as_str(), "data" | "datacontenttype") {
                let message = format!("`{name}` cannot be a header: use the body and its `Content-Type`");
                return Err(EventError::invalid("event", message));
            }
            if let Some(twice) = read.insert(name, text).map(|_| "an attribute is given in two headers") {
                return Err(EventError::invalid("event", twice));
            }
        }
        if let Some(content_type) = content_type {
            read.insert("datacontenttype".to_owned(), content_type.to_owned());
        }
        let data = if body.is_empty() { Data::Absent } else { Data::Bytes(Cow::Borrowed(body)) };
        Ok(Self { attributes: read, data })
    }

    /// Removes and returns an attribute.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.attributes.remove(name)
    }
}

fn check_name(name: &str) -> Result<(), EventError> {
    let is_legal = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_legal {
        return Ok(());
    }
    let message = format!("`{name}` is not an attribute name: expected lower-case letters and digits");
    Err(EventError::invalid("event", message))
}

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Boolean,
    /// Any of the types above.
    Any,
}

/// Attributes with a fixed type in JSON.
const KINDS: [(&str, Kind); 18] = [
    ("specversion", Kind::Text),
    ("id", Kind::Text),
    ("source", Kind::Text),
    ("type", Kind::Text),
    ("subject", Kind::Text),
    ("time", Kind::Text),
    ("datacontenttype", Kind::Text),
    ("dataschema", Kind::Text),
    ("traceparent", Kind::Text),
    ("wirebellto", Kind::Text),
    ("wirebellclass", Kind::Text),
    ("wirebellkey", Kind::Text),
    ("wirebellttl", Kind::Number),
    ("wirebelldeliverat", Kind::Text),
    ("wirebellreceipt", Kind::Boolean),
    ("wirebelldeadline", Kind::Number),
    ("wirebelldurability", Kind::Text),
    ("wirebellref", Kind::Text),
];

/// Returns the canonical text of a value; `None` for `null`.
fn canonical(name: &str, raw: &RawValue) -> Result<Option<String>, EventError> {
    let known = KINDS.iter().find(|(known, _)| *known == name);
    let (json, kind) = (raw.get(), known.map_or(Kind::Any, |(_, kind)| *kind));
    let text = match (json.as_bytes().first(), kind) {
        (Some(b'n'), _) => return Ok(None),
        (Some(b'"'), Kind::Text | Kind::Any) => serde_json::from_str(json).ok(),
        (Some(b't' | b'f'), Kind::Boolean | Kind::Any) => Some(json.to_owned()),
        (_, Kind::Number | Kind::Any) if json.parse::<i64>().is_ok() => Some(json.to_owned()),
        (_, Kind::Number | Kind::Any) => whole_float(json),
        _ => None,
    };
    let expected = match kind {
        Kind::Text => "a string",
        Kind::Number => "a whole number",
        Kind::Boolean => "`true` or `false`",
        Kind::Any => "a string, a boolean or a whole number",
    };
    let malformed = || match known {
        Some((known, _)) => EventError::invalid(known, format!("expected {expected}")),
        None => EventError::invalid("event", format!("`{name}`: expected {expected}")),
    };
    text.map(Some).ok_or_else(malformed)
}

/// Formats a whole number that a language without integers writes as a float, such as 60.0.
fn whole_float(json: &str) -> Option<String> {
    json.parse().ok().filter(|number: &f64| number.is_finite() && number.fract() == 0.0).map(|n| format!("{n:.0}"))
}

fn bytes(raw: &RawValue) -> Result<Vec<u8>, EventError> {
    let malformed = || EventError::invalid("data_base64", "expected a string in base64");
    let text: String = serde_json::from_str(raw.get()).map_err(|_| malformed())?;
    STANDARD.decode(text).map_err(|_| malformed())
}

/// Parses a JSON object without duplicate members.
fn members(json: &[u8]) -> Result<BTreeMap<String, &RawValue>, EventError> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = BTreeMap<String, &'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = BTreeMap::new();
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                if members.insert(name, value).is_some() {
                    return Err(A::Error::custom("duplicate member"));
                }
            }
            Ok(members)
        }
    }

    let mut from = serde_json::Deserializer::from_slice(json);
    let read = from.deserialize_map(Members).and_then(|members| from.end().map(|()| members));
    // Only the position is reported: a serde error may quote the payload.
    read.map_err(|error| {
        let position = format!("line {}, column {}", error.line(), error.column());
        EventError::invalid(
            "event",
            format!("expected a CloudEvent, one JSON object without duplicate members: {position}"),
        )
    })
}
