//! Frames from a client to its node.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cursor::{Cursor, CursorError};
use crate::inbox::{Emission, RESERVED_PREFIX};
use crate::{Channel, ErrorCode};

/// Maximum length of a `ref`, in bytes.
pub const MAX_REF_BYTES: usize = 64;

/// A frame from a client.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Authenticates with the first token, or with a new one. `Debug` does not print the token.
    Auth {
        /// The JWT.
        token: String,
        /// The `ref` for the reply.
        reference: Option<String>,
    },
    /// Subscribes to a channel.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// Replay stored events after this cursor first.
        cursor: Option<Cursor>,
        /// The `ref` for the reply.
        reference: Option<String>,
    },
    /// Unsubscribes from a channel.
    Unsubscribe {
        /// The channel.
        channel: Channel,
        /// The `ref` for the reply.
        reference: Option<String>,
    },
    /// Replays stored events of subscribed channels.
    Resume {
        /// The channels, each with the cursor to replay from.
        cursors: Vec<(Channel, Cursor)>,
        /// The `ref` for the reply.
        reference: Option<String>,
    },
    /// Acknowledges all events on a channel up to a cursor.
    Ack {
        /// The channel.
        channel: Channel,
        /// The cursor of the last handled event.
        cursor: Cursor,
        /// The `ref` for an error; a valid acknowledgement has no reply.
        reference: Option<String>,
    },
    /// Requests a pong.
    Ping {
        /// The `ref` for the reply.
        reference: Option<String>,
    },
    /// Emits an event to the services.
    Emit(Box<Emission>),
}

/// Why a frame is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// The code, for programs.
    pub code: ErrorCode,
    /// The message, for people. It names members but contains none of the frame's values.
    pub message: Cow<'static, str>,
    /// The frame's `ref`, if it could be parsed.
    pub reference: Option<String>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#ref: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow)]
    cursors: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
}

impl ClientFrame {
    /// Parses a text frame.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| FrameError {
            code: ErrorCode::BadFrame,
            message: format!("expected one JSON object with a string `type`: {}", without_contents(&error)).into(),
            reference: None,
        })?;
        let reference = reference(wire.r#ref)?;
        let reject = |code, message: Cow<'static, str>| FrameError { code, message, reference: reference.clone() };
        let Some(kind) = wire.r#type else {
            return Err(reject(ErrorCode::BadFrame, "the frame has no `type`".into()));
        };
        let channel = || channel(wire.channel).map_err(|message| reject(ErrorCode::BadChannel, message));
        match kind.as_ref() {
            "wirebell.auth" => match string(wire.token) {
                Some(token) => Ok(Self::Auth { token, reference }),
                None => Err(reject(ErrorCode::TokenMissing, "expected `token`, a string with the JWT".into())),
            },
            "wirebell.subscribe" => {
                let cursor = cursor(wire.cursor).map_err(|message| reject(ErrorCode::BadCursor, message))?;
                Ok(Self::Subscribe { channel: channel()?, cursor, reference })
            }
            "wirebell.resume" => {
                let cursors = cursors(wire.cursors).map_err(|(code, message)| reject(code, message))?;
                Ok(Self::Resume { cursors, reference })
            }
            "wirebell.unsubscribe" => Ok(Self::Unsubscribe { channel: channel()?, reference }),
            "wirebell.ping" => Ok(Self::Ping { reference }),
            "wirebell.ack" => {
                let cursor = cursor(wire.cursor).map_err(|message| reject(ErrorCode::BadCursor, message))?;
                let missing =
                    || reject(ErrorCode::BadCursor, "expected `cursor`, of the last event handled".into());
                Ok(Self::Ack { channel: channel()?, cursor: cursor.ok_or_else(missing)?, reference })
            }
            reserved if reserved.starts_with(RESERVED_PREFIX) => {
                const KNOWN: &str = "`wirebell.auth`, `.resume`, `.ack`, `.subscribe`, `.unsubscribe` or `.ping`";
                Err(reject(ErrorCode::ReservedType, format!("reserved type; a client may send {KNOWN}").into()))
            }
            _ => emission(kind.into_owned(), wire.data, wire.id, wire.traceparent, reference.clone())
                .map_err(|(code, message)| reject(code, message)),
        }
    }
}

impl std::fmt::Debug for ClientFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auth { reference, .. } => write!(f, "Auth(token not shown, ref {reference:?})"),
            Self::Subscribe { channel, cursor, reference } => {
                write!(f, "Subscribe({channel}, cursor {cursor:?}, ref {reference:?})")
            }
            Self::Resume { cursors, reference } => write!(f, "Resume({cursors:?}, ref {reference:?})"),
            Self::Unsubscribe { channel, reference } => write!(f, "Unsubscribe({channel}, ref {reference:?})"),
            Self::Ack { channel, cursor, .. } => write!(f, "Ack({channel}, {cursor})"),
            Self::Ping { reference } => write!(f, "Ping(ref {reference:?})"),
            Self::Emit(emission) => {
                write!(f, "Emit({:?}, data not shown, ref {:?})", emission.kind, emission.reference)
            }
        }
    }
}

/// Returns the cause and its column, without the values that a serde error may quote.
fn without_contents(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "not an object, or a member of another kind than expected",
        _ => "not JSON",
    };
    format!("{what}, at column {}", error.column())
}

fn string(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

fn reference(raw: Option<&RawValue>) -> Result<Option<String>, FrameError> {
    let Some(raw) = raw else { return Ok(None) };
    let reject =
        |message: &'static str| FrameError { code: ErrorCode::BadFrame, message: message.into(), reference: None };
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) if text.len() <= MAX_REF_BYTES => Ok(Some(text)),
        Ok(_) => Err(reject("`ref` is longer than 64 bytes")),
        Err(_) => Err(reject("`ref` must be a string")),
    }
}

fn emission(
    kind: String,
    data: Option<&RawValue>,
    id: Option<&RawValue>,
    traceparent: Option<&RawValue>,
    reference: Option<String>,
) -> Result<ClientFrame, MemberError> {
    let text = |name, raw: Option<&RawValue>| match raw {
        None => Ok(None),
        Some(raw) => match string(Some(raw)) {
            Some(text) => Ok(Some(text)),
            None => Err((ErrorCode::InvalidEvent, format!("`{name}`: expected a string").into())),
        },
    };
    let (id, traceparent) = (text("id", id)?, text("traceparent", traceparent)?);
    let data = data.map_or("null", RawValue::get).into();
    Emission { kind, data, id, traceparent, reference }
        .check()
        .map(|emission| ClientFrame::Emit(Box::new(emission)))
}

fn channel(raw: Option<&RawValue>) -> Result<Channel, Cow<'static, str>> {
    let name = string(raw).ok_or("expected `channel`, a string like `topic:news`")?;
    Channel::parse(&name).map_err(|error| format!("`channel`: {error}").into())
}

fn cursor(raw: Option<&RawValue>) -> Result<Option<Cursor>, Cow<'static, str>> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let text = string(Some(raw)).ok_or("expected `cursor`, a string as an event carries it")?;
    text.parse().map(Some).map_err(|error: CursorError| format!("`cursor`: {error}").into())
}

/// An invalid member: the error code and the message.
type MemberError = (ErrorCode, Cow<'static, str>);

/// Parses pairs of channel and cursor. Of a repeated channel the last pair counts, as in JSON.
fn cursors(raw: Option<&RawValue>) -> Result<Vec<(Channel, Cursor)>, MemberError> {
    const EXPECTED: &str = "expected `cursors`, an object like `{\"user:42\":\"1763719200123-0\"}`";
    let map: BTreeMap<String, String> = raw
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .ok_or((ErrorCode::BadCursor, Cow::Borrowed(EXPECTED)))?;
    let pair = |(name, cursor): (String, String)| {
        let channel =
            Channel::parse(&name).map_err(|error| (ErrorCode::BadChannel, format!("`cursors`: {error}").into()))?;
        let cursor: Result<Cursor, CursorError> = cursor.parse();
        Ok((channel, cursor.map_err(|error| (ErrorCode::BadCursor, format!("`cursors`: {error}").into()))?))
    };
    map.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_are_ignored_and_order_does_not_matter() {
        let frame =
            ClientFrame::parse(r#"{"ref":"7","x":[1,{"y":2}],"channel":"topic:news","type":"wirebell.subscribe"}"#);
        let channel = Channel::topic("news").unwrap();
        assert_eq!(frame, Ok(ClientFrame::Subscribe { channel, cursor: None, reference: Some("7".to_owned()) }));
    }

    #[test]
    fn invalid_frame_returns_its_code_and_ref() {
        for (text, code, reference) in [
            ("", ErrorCode::BadFrame, None),
            ("hello", ErrorCode::BadFrame, None),
            ("[]", ErrorCode::BadFrame, None),
            (r#"{"ref":"1"}"#, ErrorCode::BadFrame, Some("1")),
            (r#"{"type":7}"#, ErrorCode::BadFrame, None),
            (r#"{"type":"wirebell.ping","ref":7}"#, ErrorCode::BadFrame, None),
            (r#"{"type":"wirebell.welcome","ref":"1"}"#, ErrorCode::ReservedType, Some("1")),
            (r#"{"type":"wirebell.subscribe","ref":"1"}"#, ErrorCode::BadChannel, Some("1")),
            (r#"{"type":"wirebell.subscribe","channel":"news"}"#, ErrorCode::BadChannel, None),
            (r#"{"type":"wirebell.auth","token":7}"#, ErrorCode::TokenMissing, None),
            (r#"{"type":"wirebell.ack","channel":"user:1"}"#, ErrorCode::BadCursor, None),
            (r#"{"type":"wirebell.ack","channel":"user:1","cursor":"now"}"#, ErrorCode::BadCursor, None),
            (r#"{"type":"wirebell.ack","cursor":"1-0"}"#, ErrorCode::BadChannel, None),
            (r#"{"type":"user.online","data":{},"ref":"8"}"#, ErrorCode::ReservedType, Some("8")),
            (r#"{"type":"","ref":"8"}"#, ErrorCode::InvalidEvent, Some("8")),
            (r#"{"type":"send-message","id":7}"#, ErrorCode::InvalidEvent, None),
            (r#"{"type":"send-message","id":""}"#, ErrorCode::InvalidEvent, None),
            (r#"{"type":"send-message","traceparent":"00-1"}"#, ErrorCode::InvalidEvent, None),
        ] {
            let error = ClientFrame::parse(text).unwrap_err();
            assert_eq!((error.code, error.reference.as_deref()), (code, reference), "{text}");
        }
    }

    #[test]
    fn emitted_data_is_kept_byte_for_byte() {
        let frame = ClientFrame::parse(r#"{"type":"send","data": {"a" : 1.0} ,"ref":"","id":null}"#);
        let expected = Emission {
            kind: "send".to_owned(),
            data: r#"{"a" : 1.0}"#.into(),
            id: None,
            traceparent: None,
            reference: None,
        };
        assert_eq!(frame, Ok(ClientFrame::Emit(Box::new(expected))));
    }

    #[test]
    fn errors_and_debug_contain_no_token() {
        let frame = ClientFrame::parse(r#"{"type":"wirebell.auth","token":"secret"}"#).unwrap();
        assert!(!format!("{frame:?}").contains("secret"));
        let frame = ClientFrame::parse(r#"{"type":"send","data":"secret"}"#).unwrap();
        assert!(!format!("{frame:?}").contains("secret"));
        let error = ClientFrame::parse(r#"{"type":{"token":"secret"}}"#).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }
}
