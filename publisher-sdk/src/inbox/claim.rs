//! The claim on an event of the inbox.

use std::ops::Deref;

use serde::Serialize;
use wirebell_protocol::inbox::{Answer, MAX_ANSWER_BYTES};

use super::InboxEvent;
use crate::error::PublishError;
use crate::worker::InFlight;

/// An [`InboxEvent`] that this worker has in flight. If the claim is dropped without a result, the
/// event is retried once this worker counts as gone.
#[derive(Debug)]
#[must_use = "call `done`, `pass_over` or `failed` to report the result"]
pub struct InboxClaim(pub(super) InFlight<InboxEvent>);

impl InboxClaim {
    /// Returns the event.
    pub fn event(&self) -> &InboxEvent {
        &self.0.job
    }

    /// Acknowledges the event and sends the reply to the client that emitted it; `&()` replies
    /// `null`. A reply that cannot be serialized, or has more than a megabyte, counts as
    /// [failed](Self::failed). An error means that Redis could not be reached; the event will be
    /// delivered again.
    pub async fn done(self, answer: &impl Serialize) -> Result<(), PublishError> {
        match json(answer) {
            Ok(json) => self.answered(json).await,
            Err(reason) => self.failed(&reason).await,
        }
    }

    pub(super) async fn answered(self, json: Box<str>) -> Result<(), PublishError> {
        self.0.answered(&Answer::Reply(json)).await
    }

    /// Skips an event that is not for this service. It is acknowledged without a reply.
    pub async fn pass_over(self) -> Result<(), PublishError> {
        self.0.done().await
    }

    /// Reports that handling failed. The event is retried later. After the last attempt it becomes
    /// a dead letter, and the client that emitted it receives `service_failed` without the reason.
    pub async fn failed(self, reason: &str) -> Result<(), PublishError> {
        let id = self.id.clone();
        self.0.failed(&id, reason).await
    }
}

impl Deref for InboxClaim {
    type Target = InboxEvent;

    fn deref(&self) -> &InboxEvent {
        &self.0.job
    }
}

/// Returns the reply as JSON, or why it cannot be sent.
pub(super) fn json(answer: &impl Serialize) -> Result<Box<str>, String> {
    let json = serde_json::to_string(answer)
        .map_err(|error| format!("the reply cannot be serialized as JSON: {error}"))?;
    if json.len() > MAX_ANSWER_BYTES {
        return Err(format!("the reply has {} bytes; expected at most {MAX_ANSWER_BYTES}", json.len()));
    }
    Ok(json.into())
}
