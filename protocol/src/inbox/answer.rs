//! What comes of an event that a client has emitted.

use serde_json::value::RawValue;

use crate::frame::server::ServerFrame;
use crate::message::Reply;
use crate::{ConnectionId, Fault};

/// The longest answer of a service, in bytes of JSON.
pub const MAX_ANSWER_BYTES: usize = 1_048_576;

/// What an emitter is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service's answer, in JSON; `null` where it has none.
    Reply(Box<str>),
    /// There will be none, for this reason.
    Error(Fault),
}

impl Answer {
    /// The text by which the scripts know it.
    pub fn text(&self) -> String {
        match self {
            Self::Reply(data) => format!("reply {data}"),
            Self::Error(fault) => format!("error {}", fault.code()),
        }
    }

    /// Reads that text.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("reply", data) => Some(Self::Reply(data.into())),
            ("error", code) => Fault::from_code(code).map(Self::Error),
            _ => None,
        }
    }

    /// The message for the node of that connection.
    pub fn to(&self, connection: ConnectionId, reference: &str) -> Reply {
        Reply { connection, reference: reference.into(), frame: self.frame(reference) }
    }

    /// The frame for the client that has named this `ref`.
    pub fn frame(&self, reference: &str) -> bytes::Bytes {
        self.frame_for(Some(reference))
    }

    /// The frame for the client, whether or not it has named a `ref`.
    pub fn frame_for(&self, r#ref: Option<&str>) -> bytes::Bytes {
        match self {
            Self::Reply(data) => {
                let data: &RawValue = serde_json::from_str(data).unwrap_or(RawValue::NULL);
                ServerFrame::Reply { r#ref, data }.encode()
            }
            Self::Error(code) => ServerFrame::Error { code: *code, message: words(*code), r#ref }.encode(),
        }
    }
}

/// What people are told.
fn words(fault: Fault) -> &'static str {
    match fault {
        Fault::NoService => "no service has ever read the inbox; the event waits there for the first one",
        Fault::NoReply => "no service has answered in time; the event is in the inbox",
        Fault::ServiceFailed => "the service could not handle the event",
        Fault::Unavailable => "the bus cannot be reached; the event was not stored",
        _ => "the event was refused",
    }
}
