//! An emission: an event from a client, as its frame says it.

use std::borrow::Cow;

use crate::{Fault, event, trace};

/// What types begin with that belong to Wirebell.
pub const MINE: &str = "wirebell.";
/// What the inbox tells of presence, and no client may say.
pub const PRESENCE: [&str; 2] = ["user.online", "user.offline"];

/// An event that a client emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// What has happened, or is wanted.
    pub kind: String,
    /// Any JSON, byte for byte as the client wrote it; `null` where it wrote nothing.
    pub data: Box<str>,
    /// Identity and idempotency key among the user's events.
    pub id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The client wants to know what comes of it, by this name.
    pub reference: Option<String>,
}

impl Emission {
    /// Checks what a frame says beside its `data` and its `ref`.
    pub(crate) fn check(self) -> Result<Self, (Fault, Cow<'static, str>)> {
        if PRESENCE.contains(&self.kind.as_str()) {
            return Err((Fault::ReservedType, "the type is told by nodes; expected another one".into()));
        }
        let invalid = |error: event::EventError| (Fault::InvalidEvent, error.to_string().into());
        event::name("type", &self.kind).map_err(invalid)?;
        if let Some(id) = &self.id {
            event::name("id", id).map_err(invalid)?;
        }
        if self.traceparent.as_deref().is_some_and(|given| !trace::is_traceparent(given)) {
            return Err((Fault::InvalidEvent, "`traceparent`: expected W3C Trace Context, version 00".into()));
        }
        // Nothing can be told by a name that is none.
        Ok(Self { reference: self.reference.filter(|reference| !reference.is_empty()), ..self })
    }
}
