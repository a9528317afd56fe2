//! The reply to an event that a client emitted.

use serde_json::value::RawValue;

use crate::frame::server::ServerFrame;
use crate::message::Reply;
use crate::{ConnectionId, ErrorCode};

/// Maximum size of a service's reply, in bytes of JSON.
pub const MAX_ANSWER_BYTES: usize = 1_048_576;

/// The reply to the client that emitted an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service's reply in JSON; `null` if the service returned nothing.
    Reply(Box<str>),
    /// No service reply, for this reason.
    Error(ErrorCode),
}

impl Answer {
    /// Returns the text form that the scripts store.
    pub fn text(&self) -> String {
        match self {
            Self::Reply(data) => format!("reply {data}"),
            Self::Error(code) => format!("error {}", code.as_str()),
        }
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("reply", data) => Some(Self::Reply(data.into())),
            ("error", code) => ErrorCode::parse(code).map(Self::Error),
            _ => None,
        }
    }

    /// Creates the pub/sub message for the node of the connection.
    pub fn to(&self, connection: ConnectionId, reference: &str) -> Reply {
        Reply { connection, reference: reference.into(), frame: self.frame(reference) }
    }

    /// Returns the frame for the client, with its `ref`.
    pub fn frame(&self, reference: &str) -> bytes::Bytes {
        self.frame_for(Some(reference))
    }

    /// Returns the frame for the client, with or without a `ref`.
    pub fn frame_for(&self, r#ref: Option<&str>) -> bytes::Bytes {
        match self {
            Self::Reply(data) => {
                let data: &RawValue = serde_json::from_str(data).unwrap_or(RawValue::NULL);
                ServerFrame::Reply { r#ref, data }.encode()
            }
            Self::Error(code) => ServerFrame::Error { code: *code, message: message(*code), r#ref }.encode(),
        }
    }
}

/// Returns the error message for people.
fn message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::NoService => "no service consumes client events yet; the event is stored",
        ErrorCode::NoReply => "no service replied in time; the event is stored",
        ErrorCode::ServiceFailed => "the service could not handle the event",
        ErrorCode::Unavailable => "the bus cannot be reached; the event was not stored",
        _ => "the event was rejected",
    }
}
