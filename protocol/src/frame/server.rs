//! Frames from a node to its client, except events: the bus delivers those as ready frames, see
//! [`crate::publish`].

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Channel, CloseCode, ConnectionId, Cursor, ErrorCode};

/// A frame from a node, other than an event.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
pub enum ServerFrame<'a> {
    /// The session has begun. Later announcements on its channels will arrive.
    #[serde(rename = "wirebell.welcome")]
    Welcome {
        /// The connection's id, usable as `conn:<id>`.
        #[serde(serialize_with = "as_text")]
        connection: ConnectionId,
        /// The token's `sub`.
        user: &'a str,
        /// The token's `device`, if it names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
        /// Seconds between heartbeats. A client that receives nothing for twice as long may
        /// reconnect.
        heartbeat: u64,
        /// When the token expires, in seconds since the Unix epoch.
        expires: u64,
        /// Whether all events after the client's cursor are replayed. True if the client sent no
        /// cursor.
        recovered: bool,
        /// All later events of the user's log go to this connection. A client that reconnects
        /// before it received an event resumes from this cursor.
        #[serde(serialize_with = "as_text")]
        cursor: Cursor,
    },
    /// The reply to a frame with a `ref`.
    #[serde(rename = "wirebell.reply")]
    Reply {
        /// The `ref` of the frame.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        /// The result.
        data: &'a RawValue,
    },
    /// An error. The connection stays open, unless a close follows.
    #[serde(rename = "wirebell.error")]
    Error {
        /// The code, for programs.
        #[serde(serialize_with = "as_code")]
        code: ErrorCode,
        /// The message, for people.
        message: &'a str,
        /// The `ref` of the rejected frame.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
    /// The token expires soon; the client should send a new one in `wirebell.auth`.
    #[serde(rename = "wirebell.expiring")]
    Expiring {
        /// When the token expires, in seconds since the Unix epoch.
        expires: u64,
    },
    /// The client should reconnect after a delay; the node closes the connection soon.
    #[serde(rename = "wirebell.reconnect")]
    Reconnect {
        /// The delay in seconds, with a fraction.
        after: f64,
        /// The reason.
        reason: &'a str,
    },
    /// The last frame on transports without close codes.
    #[serde(rename = "wirebell.close")]
    Close {
        /// The code that a WebSocket would be closed with.
        #[serde(serialize_with = "as_number")]
        code: CloseCode,
        /// The reason, for people.
        reason: &'a str,
    },
    /// The reply to `wirebell.ping`.
    #[serde(rename = "wirebell.pong")]
    Pong {
        /// The `ref` of the ping.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
    /// Events of this channel are missing, and the log no longer holds them.
    #[serde(rename = "wirebell.gap")]
    Gap {
        /// The channel.
        channel: &'a Channel,
    },
}

impl ServerFrame<'_> {
    /// Encodes the frame as JSON.
    pub fn encode(&self) -> Bytes {
        // Strings, numbers and valid JSON always serialize.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn as_code<S: serde::Serializer>(code: &ErrorCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(code.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn as_number<S: serde::Serializer>(code: &CloseCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(code.number())
}
