//! Engine.IO packets: one character for the type, then the payload. The body of a poll has several,
//! with a separator.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::session::Limits;

/// Separates the packets of a poll.
pub(super) const SEPARATOR: char = '\x1e';

pub(super) const CLOSE: &str = "1";
pub(super) const PING: &str = "2";
pub(super) const PONG: &str = "3";
pub(super) const PROBE: &str = "2probe";
pub(super) const PROBE_REPLY: &str = "3probe";
pub(super) const UPGRADE: &str = "5";
pub(super) const NOOP: &str = "6";

/// An Engine.IO packet from a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Close,
    Ping(&'a str),
    Pong,
    Message(&'a str),
    /// Binary data in base64, as polling transmits it.
    Binary,
    Other,
}

impl<'a> Packet<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let rest = text.get(1..).unwrap_or("");
        match text.as_bytes().first() {
            Some(b'1') => Self::Close,
            Some(b'2') => Self::Ping(rest),
            Some(b'3') => Self::Pong,
            Some(b'4') => Self::Message(rest),
            Some(b'b') => Self::Binary,
            _ => Self::Other,
        }
    }
}

/// Encodes the open packet, with the connection's parameters. The node's pings may be a tenth of
/// the interval late.
pub(super) fn open(sid: &str, upgrades: &[&str], limits: &Limits, max_payload: usize) -> String {
    let heartbeat = limits.heartbeat.as_millis();
    let open = json!({ "sid": sid, "upgrades": upgrades, "pingInterval": heartbeat, "pingTimeout": heartbeat,
        "maxPayload": max_payload });
    format!("0{open}")
}

/// An Engine.IO error code for an invalid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Error {
    Transport = 0,
    Session = 1,
    Method = 2,
    Request = 3,
    Version = 5,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let message = match self {
            Self::Transport => "unknown transport; expected `polling` or `websocket`",
            Self::Session => "unknown session id; the connection has ended, or belongs to another node",
            Self::Method => "expected GET to open a connection",
            Self::Request => "bad request",
            Self::Version => "unsupported protocol version; expected `EIO=4`, which Socket.IO 3 and 4 use",
        };
        let body = json!({ "code": self as u8, "message": message }).to_string();
        (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// Returns the response to a poll or a post.
pub(super) fn text(body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
