//! Frames from a node to its client. Events are not here: they come framed from the bus, see [`crate::publish`].

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Channel, CloseCode, ConnectionId, Cursor, Fault};

/// What a node says of its own accord, or in answer.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
pub enum ServerFrame<'a> {
    /// The session has begun: from now on nothing that is announced is missed.
    #[serde(rename = "wirebell.welcome")]
    Welcome {
        /// This connection's id, to be used in `conn:<id>`.
        #[serde(serialize_with = "as_text")]
        connection: ConnectionId,
        /// The token's `sub`.
        user: &'a str,
        /// The token's `device`, if it names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
        /// Seconds between the node's pings; a client that hears nothing for twice as long may give up.
        heartbeat: u64,
        /// When the token expires, in seconds since the Unix epoch.
        expires: u64,
        /// Whether everything since the cursor that the client brought has been, or will be, sent. Without a
        /// cursor there is nothing to recover.
        recovered: bool,
        /// Everything behind this cursor of the user's log is for this connection: what a client names that comes back
        /// before it has got anything.
        #[serde(serialize_with = "as_text")]
        cursor: Cursor,
    },
    /// An answer to a frame that carried this `ref`.
    #[serde(rename = "wirebell.reply")]
    Reply {
        /// Of the frame that is answered.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        /// The answer.
        data: &'a RawValue,
    },
    /// Something was refused; the connection stays, unless it is closed right after.
    #[serde(rename = "wirebell.error")]
    Error {
        /// For programs.
        #[serde(serialize_with = "as_code")]
        code: Fault,
        /// For people.
        message: &'a str,
        /// Of the frame that is refused.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
    /// The token expires soon: send another in `wirebell.auth`.
    #[serde(rename = "wirebell.expiring")]
    Expiring {
        /// When, in seconds since the Unix epoch.
        expires: u64,
    },
    /// Come back after so many seconds; the connection is closed soon after.
    #[serde(rename = "wirebell.reconnect")]
    Reconnect {
        /// Seconds, with a fraction.
        after: f64,
        /// Why.
        reason: &'a str,
    },
    /// The connection is over, and why: the last frame on a transport that has no close code of its own.
    #[serde(rename = "wirebell.close")]
    Close {
        /// As a WebSocket would be closed.
        #[serde(serialize_with = "as_number")]
        code: CloseCode,
        /// For people.
        reason: &'a str,
    },
    /// The answer to `wirebell.ping`.
    #[serde(rename = "wirebell.pong")]
    Pong {
        /// Of the ping.
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
    /// Events of this channel are missing, and the log cannot bring them back.
    #[serde(rename = "wirebell.gap")]
    Gap {
        /// The channel.
        channel: &'a Channel,
    },
}

impl ServerFrame<'_> {
    /// The frame's text.
    pub fn encode(&self) -> Bytes {
        // Strings, numbers and checked JSON: there is nothing here that cannot be written.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

fn as_text<S: serde::Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn as_code<S: serde::Serializer>(fault: &Fault, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(fault.code())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn as_number<S: serde::Serializer>(code: &CloseCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(code.number())
}
