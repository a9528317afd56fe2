//! Frames from a client to its node.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cursor::{Cursor, CursorError};
use crate::inbox::{Emission, MINE};
use crate::{Channel, Fault};

/// The longest `ref`, in bytes.
pub const MAX_REF_BYTES: usize = 64;

/// What a client says.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Here is my token: the first, or a new one. The token is not printed by `Debug`.
    Auth {
        /// The JWT.
        token: String,
        /// To be repeated in the answer.
        reference: Option<String>,
    },
    /// Send me what is announced on this channel.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// And before that, what came after this cursor.
        cursor: Option<Cursor>,
        /// To be repeated in the answer.
        reference: Option<String>,
    },
    /// No longer.
    Unsubscribe {
        /// The channel.
        channel: Channel,
        /// To be repeated in the answer.
        reference: Option<String>,
    },
    /// Send me what I missed: for each channel, what came after the cursor.
    Resume {
        /// The channels.
        cursors: Vec<(Channel, Cursor)>,
        /// To be repeated in the answer.
        reference: Option<String>,
    },
    /// I have handled everything on this channel up to this cursor.
    Ack {
        /// The channel.
        channel: Channel,
        /// Of the last event handled.
        cursor: Cursor,
        /// To be repeated in an error; a good acknowledgement has no answer.
        reference: Option<String>,
    },
    /// Are you there?
    Ping {
        /// To be repeated in the answer.
        reference: Option<String>,
    },
    /// An event for the services.
    Emit(Box<Emission>),
}

/// Why a frame was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// For programs.
    pub fault: Fault,
    /// For people; nothing of the frame's contents but names of members.
    pub message: Cow<'static, str>,
    /// The frame's `ref`, where it could be read.
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
    /// Reads one text frame.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| FrameError {
            fault: Fault::BadFrame,
            message: format!("expected one JSON object with a string `type`: {}", without_contents(&error)).into(),
            reference: None,
        })?;
        let reference = reference(wire.r#ref)?;
        let refuse =
            |fault, message: Cow<'static, str>| FrameError { fault, message, reference: reference.clone() };
        let Some(kind) = wire.r#type else {
            return Err(refuse(Fault::BadFrame, "the frame has no `type`".into()));
        };
        let channel = || channel(wire.channel).map_err(|message| refuse(Fault::BadChannel, message));
        match kind.as_ref() {
            "wirebell.auth" => match string(wire.token) {
                Some(token) => Ok(Self::Auth { token, reference }),
                None => Err(refuse(Fault::TokenMissing, "expected `token`, a string with the JWT".into())),
            },
            "wirebell.subscribe" => {
                let cursor = cursor(wire.cursor).map_err(|message| refuse(Fault::BadCursor, message))?;
                Ok(Self::Subscribe { channel: channel()?, cursor, reference })
            }
            "wirebell.resume" => {
                let cursors = cursors(wire.cursors).map_err(|(fault, message)| refuse(fault, message))?;
                Ok(Self::Resume { cursors, reference })
            }
            "wirebell.unsubscribe" => Ok(Self::Unsubscribe { channel: channel()?, reference }),
            "wirebell.ping" => Ok(Self::Ping { reference }),
            "wirebell.ack" => {
                let cursor = cursor(wire.cursor).map_err(|message| refuse(Fault::BadCursor, message))?;
                let missing = || refuse(Fault::BadCursor, "expected `cursor`, of the last event handled".into());
                Ok(Self::Ack { channel: channel()?, cursor: cursor.ok_or_else(missing)?, reference })
            }
            reserved if reserved.starts_with(MINE) => {
                const KNOWN: &str = "`wirebell.auth`, `.resume`, `.ack`, `.subscribe`, `.unsubscribe` or `.ping`";
                Err(refuse(
                    Fault::ReservedType,
                    format!("a reserved type that clients do not send; expected {KNOWN}").into(),
                ))
            }
            _ => emission(kind.into_owned(), wire.data, wire.id, wire.traceparent, reference.clone())
                .map_err(|(fault, message)| refuse(fault, message)),
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

/// What is wrong and where, without the values that an error of serde's may quote.
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
    let refuse =
        |message: &'static str| FrameError { fault: Fault::BadFrame, message: message.into(), reference: None };
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) if text.len() <= MAX_REF_BYTES => Ok(Some(text)),
        Ok(_) => Err(refuse("`ref` is longer than 64 bytes")),
        Err(_) => Err(refuse("`ref` must be a string")),
    }
}

fn emission(
    kind: String,
    data: Option<&RawValue>,
    id: Option<&RawValue>,
    traceparent: Option<&RawValue>,
    reference: Option<String>,
) -> Result<ClientFrame, Wrong> {
    let text = |name, raw: Option<&RawValue>| match raw {
        None => Ok(None),
        Some(raw) => match string(Some(raw)) {
            Some(text) => Ok(Some(text)),
            None => Err((Fault::InvalidEvent, format!("`{name}`: expected a string").into())),
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

/// What is wrong with a member, and how to say so.
type Wrong = (Fault, Cow<'static, str>);

/// Pairs of channel and cursor. A map in which a channel stands twice counts as JSON has it: the last one.
fn cursors(raw: Option<&RawValue>) -> Result<Vec<(Channel, Cursor)>, Wrong> {
    const EXPECTED: &str = "expected `cursors`, an object like `{\"user:42\":\"1763719200123-0\"}`";
    let map: BTreeMap<String, String> = raw
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .ok_or((Fault::BadCursor, Cow::Borrowed(EXPECTED)))?;
    let pair = |(name, cursor): (String, String)| {
        let channel =
            Channel::parse(&name).map_err(|error| (Fault::BadChannel, format!("`cursors`: {error}").into()))?;
        let cursor: Result<Cursor, CursorError> = cursor.parse();
        Ok((channel, cursor.map_err(|error| (Fault::BadCursor, format!("`cursors`: {error}").into()))?))
    };
    map.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_are_ignored_and_order_is_free() {
        let frame =
            ClientFrame::parse(r#"{"ref":"7","x":[1,{"y":2}],"channel":"topic:news","type":"wirebell.subscribe"}"#);
        let channel = Channel::topic("news").unwrap();
        assert_eq!(frame, Ok(ClientFrame::Subscribe { channel, cursor: None, reference: Some("7".to_owned()) }));
    }

    #[test]
    fn each_fault_has_its_code_and_keeps_the_ref() {
        for (text, fault, reference) in [
            ("", Fault::BadFrame, None),
            ("hello", Fault::BadFrame, None),
            ("[]", Fault::BadFrame, None),
            (r#"{"ref":"1"}"#, Fault::BadFrame, Some("1")),
            (r#"{"type":7}"#, Fault::BadFrame, None),
            (r#"{"type":"wirebell.ping","ref":7}"#, Fault::BadFrame, None),
            (r#"{"type":"wirebell.welcome","ref":"1"}"#, Fault::ReservedType, Some("1")),
            (r#"{"type":"wirebell.subscribe","ref":"1"}"#, Fault::BadChannel, Some("1")),
            (r#"{"type":"wirebell.subscribe","channel":"news"}"#, Fault::BadChannel, None),
            (r#"{"type":"wirebell.auth","token":7}"#, Fault::TokenMissing, None),
            (r#"{"type":"wirebell.ack","channel":"user:1"}"#, Fault::BadCursor, None),
            (r#"{"type":"wirebell.ack","channel":"user:1","cursor":"now"}"#, Fault::BadCursor, None),
            (r#"{"type":"wirebell.ack","cursor":"1-0"}"#, Fault::BadChannel, None),
            (r#"{"type":"user.online","data":{},"ref":"8"}"#, Fault::ReservedType, Some("8")),
            (r#"{"type":"","ref":"8"}"#, Fault::InvalidEvent, Some("8")),
            (r#"{"type":"send-message","id":7}"#, Fault::InvalidEvent, None),
            (r#"{"type":"send-message","id":""}"#, Fault::InvalidEvent, None),
            (r#"{"type":"send-message","traceparent":"00-1"}"#, Fault::InvalidEvent, None),
        ] {
            let error = ClientFrame::parse(text).unwrap_err();
            assert_eq!((error.fault, error.reference.as_deref()), (fault, reference), "{text}");
        }
    }

    #[test]
    fn an_event_keeps_its_data_byte_for_byte() {
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
    fn no_error_and_no_debug_shows_a_token() {
        let frame = ClientFrame::parse(r#"{"type":"wirebell.auth","token":"secret"}"#).unwrap();
        assert!(!format!("{frame:?}").contains("secret"));
        let frame = ClientFrame::parse(r#"{"type":"send","data":"secret"}"#).unwrap();
        assert!(!format!("{frame:?}").contains("secret"));
        let error = ClientFrame::parse(r#"{"type":{"token":"secret"}}"#).unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }
}
