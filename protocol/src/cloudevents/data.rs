//! Converts the data of a CloudEvent to JSON, the only format of an event's data.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::event::{EventError, parse};
use crate::media::MediaType;

/// The data as received.
#[derive(Debug)]
pub(super) enum Data<'a> {
    /// No data.
    Absent,
    /// The `data` member of a JSON document.
    Json(&'a RawValue),
    /// Bytes in the format of the content type.
    Bytes(Cow<'a, [u8]>),
}

/// The supported content types.
enum Content {
    /// JSON, used as is.
    Json,
    /// Text, used as a JSON string.
    Text,
}

impl Data<'_> {
    /// Returns the data as JSON: JSON byte for byte, text as a string, no data as `null`.
    pub(super) fn json(&self, content_type: Option<&str>) -> Result<Cow<'_, RawValue>, EventError> {
        // Without a content type, the data is JSON.
        let content = content_type.map_or(Ok(Content::Json), content)?;
        match (self, content) {
            (Self::Absent, _) => Ok(Cow::Borrowed(RawValue::NULL)),
            (Self::Json(raw), Content::Json) => Ok(Cow::Borrowed(raw)),
            (Self::Json(raw), Content::Text) if raw.get().starts_with('"') => Ok(Cow::Borrowed(raw)),
            (Self::Json(_), Content::Text) => {
                Err(EventError::invalid("data", "expected a string, because `datacontenttype` is text"))
            }
            (Self::Bytes(bytes), Content::Json) => {
                serde_json::from_slice(bytes).map(Cow::Borrowed).map_err(|error| {
                    let position = format!("line {}, column {}", error.line(), error.column());
                    EventError::invalid(
                        "data",
                        format!("expected JSON, the format of the content type or the default: {position}"),
                    )
                })
            }
            (Self::Bytes(bytes), Content::Text) => text(bytes),
        }
    }
}

fn content(given: &str) -> Result<Content, EventError> {
    let reject = |message: &str| {
        let essence = MediaType::parse(given).essence();
        Err(EventError::invalid("datacontenttype", format!("`{essence}`: {message}")))
    };
    let media = MediaType::parse(given);
    if !media.is_utf8() {
        return reject("expected UTF-8");
    }
    match () {
        () if media.is_json() => Ok(Content::Json),
        () if media.is_text() => Ok(Content::Text),
        () => reject("expected JSON, or `text/…` as a JSON string; publish a link to other data"),
    }
}

fn text(bytes: &[u8]) -> Result<Cow<'_, RawValue>, EventError> {
    let text = std::str::from_utf8(bytes).map_err(|_| EventError::invalid("data", "expected text in UTF-8"))?;
    parse::raw(&text).map(Cow::Owned)
}
