//! An emission: an event from a client, parsed from its frame.

use std::borrow::Cow;

use crate::{ErrorCode, event, trace};

/// Prefix of the types that belong to Wirebell.
pub const RESERVED_PREFIX: &str = "wirebell.";
/// Types of the presence events in the inbox. Clients may not emit them.
pub const PRESENCE_TYPES: [&str; 2] = ["user.online", "user.offline"];

/// An event that a client emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// The event's type.
    pub kind: String,
    /// Any JSON, byte for byte as the client sent it; `null` if absent.
    pub data: Box<str>,
    /// Identity and idempotency key, unique among the user's events.
    pub id: Option<String>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
    /// The `ref` for the reply, if the client wants one.
    pub reference: Option<String>,
}

impl Emission {
    /// Validates everything except `data` and `ref`.
    pub(crate) fn check(self) -> Result<Self, (ErrorCode, Cow<'static, str>)> {
        if PRESENCE_TYPES.contains(&self.kind.as_str()) {
            let message = "`type`: reserved for presence events from nodes; use another type";
            return Err((ErrorCode::ReservedType, message.into()));
        }
        let invalid = |error: event::EventError| (ErrorCode::InvalidEvent, error.to_string().into());
        event::name("type", &self.kind).map_err(invalid)?;
        if let Some(id) = &self.id {
            event::name("id", id).map_err(invalid)?;
        }
        if self.traceparent.as_deref().is_some_and(|given| !trace::is_traceparent(given)) {
            return Err((ErrorCode::InvalidEvent, "`traceparent`: expected W3C Trace Context, version 00".into()));
        }
        // An empty `ref` counts as absent.
        Ok(Self { reference: self.reference.filter(|reference| !reference.is_empty()), ..self })
    }
}
