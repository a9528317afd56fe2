//! What the data of a CloudEvent is in an event of ours, whose data is always JSON.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::event::{EventError, parse};
use crate::media::MediaType;

/// Data as it came.
#[derive(Debug)]
pub(super) enum Data<'a> {
    /// None.
    Absent,
    /// A member of a JSON document.
    Json(&'a RawValue),
    /// Bytes of the event's content type.
    Bytes(Cow<'a, [u8]>),
}

/// What can be carried.
enum Content {
    /// JSON, as it is.
    Json,
    /// Text, as a JSON string.
    Text,
}

impl Data<'_> {
    /// The data as JSON: JSON byte for byte, text as a string, and `null` where there is none.
    pub(super) fn json(&self, content_type: Option<&str>) -> Result<Cow<'_, RawValue>, EventError> {
        // In an event that does not say what its data is, it is JSON.
        let content = content_type.map_or(Ok(Content::Json), content)?;
        match (self, content) {
            (Self::Absent, _) => Ok(Cow::Borrowed(RawValue::NULL)),
            (Self::Json(raw), Content::Json) => Ok(Cow::Borrowed(raw)),
            (Self::Json(raw), Content::Text) if raw.get().starts_with('"') => Ok(Cow::Borrowed(raw)),
            (Self::Json(_), Content::Text) => {
                Err(EventError::invalid("data", "expected a string, since `datacontenttype` says that it is text"))
            }
            (Self::Bytes(bytes), Content::Json) => {
                serde_json::from_slice(bytes).map(Cow::Borrowed).map_err(|error| {
                    let place = format!("line {}, column {}", error.line(), error.column());
                    EventError::invalid(
                        "data",
                        format!("expected JSON, as the content type says, or says nothing: {place}"),
                    )
                })
            }
            (Self::Bytes(bytes), Content::Text) => text(bytes),
        }
    }
}

fn content(given: &str) -> Result<Content, EventError> {
    let refuse = |message: &str| {
        let essence = MediaType::parse(given).essence();
        Err(EventError::invalid("datacontenttype", format!("`{essence}`: {message}")))
    };
    let media = MediaType::parse(given);
    if !media.is_utf8() {
        return refuse("expected UTF-8");
    }
    match () {
        () if media.is_json() => Ok(Content::Json),
        () if media.is_text() => Ok(Content::Text),
        () => refuse("events carry JSON, or `text/…` as a JSON string; send anything else as a link to it"),
    }
}

fn text(bytes: &[u8]) -> Result<Cow<'_, RawValue>, EventError> {
    let text = std::str::from_utf8(bytes).map_err(|_| EventError::invalid("data", "expected text in UTF-8"))?;
    parse::raw(&text).map(Cow::Owned)
}
