//! The frames of a node as a device reads them.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use wirebell_protocol::Cursor;

use super::record::ReceivedEvent;

/// A frame, as far as a device needs it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Welcome {
        connection: String,
        recovered: bool,
    },
    /// An event. `true` if the publisher wants an acknowledgement.
    Event(ReceivedEvent, bool),
    Gap,
    Reconnect(Duration),
    Expiring,
    Other,
}

/// Returns the name of a user in tokens and channels.
pub(super) fn user_name(user: u32) -> String {
    format!("u{user}")
}

/// Returns the id of an event.
pub(super) fn id(event: u32) -> String {
    format!("e{event}")
}

/// Returns the data of an event, with this many bytes of padding.
pub(super) fn data(event: u32, padding: usize) -> Value {
    serde_json::json!({"n": event, "size": padding, "pad": "x".repeat(padding)})
}

/// Reads a frame that arrived at a device of this user.
pub(super) fn read(text: &str, user: u32) -> Frame {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        return Frame::Event(ReceivedEvent { event: None, cursor: Cursor::START, intact: false }, false);
    };
    let field = |name: &str| frame[name].as_str().map_or(Cow::Borrowed(""), Cow::Borrowed);
    match &*field("type") {
        "wirebell.welcome" => Frame::Welcome {
            connection: field("connection").into_owned(),
            // The member is absent without a cursor; a device here always sends one.
            recovered: frame["recovered"] == true,
        },
        "wirebell.gap" => Frame::Gap,
        "wirebell.reconnect" => {
            Frame::Reconnect(Duration::from_secs_f64(frame["after"].as_f64().unwrap_or(0.0).clamp(0.0, 60.0)))
        }
        "wirebell.expiring" => Frame::Expiring,
        other if other.starts_with("wirebell.") => Frame::Other,
        _ => Frame::Event(event(&frame, user), frame["ack"] == true),
    }
}

fn event(frame: &Value, user: u32) -> ReceivedEvent {
    let number = frame["id"].as_str().and_then(|id| id.strip_prefix('e')).and_then(|number| number.parse().ok());
    let cursor = frame["cursor"].as_str().and_then(|text| text.parse().ok());
    let data = &frame["data"];
    let padding = data["pad"].as_str().map(|pad| pad.len() as u64);
    let complete = data["n"].as_u64() == number.map(u64::from) && data["size"].as_u64() == padding;
    let addressed = frame["channel"] == format!("user:{}", user_name(user));
    ReceivedEvent {
        event: number,
        cursor: cursor.unwrap_or_default(),
        intact: cursor.is_some() && complete && addressed,
    }
}
