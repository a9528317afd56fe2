//! A claim on an event of the inbox, until the service says how handling it ended.

use std::ops::Deref;

use serde::Serialize;
use wirebell_protocol::inbox::{Answer, MAX_ANSWER_BYTES};

use super::InboxEvent;
use crate::error::PublishError;
use crate::worker::Held;

/// An [`InboxEvent`] in this worker's hand. Dropped without a word, it is tried again once the worker counts as gone from
/// it.
#[derive(Debug)]
#[must_use = "say with `done`, `pass_over` or `failed` how handling it ended"]
pub struct InboxClaim(pub(super) Held<InboxEvent>);

impl InboxClaim {
    /// What is to be handled.
    pub fn event(&self) -> &InboxEvent {
        &self.0.item
    }

    /// It is handled, and this is the answer to whoever has emitted it; `&()` for none. An answer that is no JSON, or has
    /// more than a megabyte, counts as [failed](Self::failed). An error means that Redis could not be told: the event will
    /// be handed out once more.
    pub async fn done(self, answer: &impl Serialize) -> Result<(), PublishError> {
        match json(answer) {
            Ok(json) => self.answered(json).await,
            Err(reason) => self.failed(&reason).await,
        }
    }

    pub(super) async fn answered(self, json: Box<str>) -> Result<(), PublishError> {
        self.0.answered(&Answer::Reply(json)).await
    }

    /// It is not for this service: it is done with, and nobody is told anything.
    pub async fn pass_over(self) -> Result<(), PublishError> {
        self.0.done().await
    }

    /// It could not be handled, for this reason: it is tried again later. If that was the last try it becomes a dead
    /// letter, and whoever has emitted it is told `service_failed`, without the reason.
    pub async fn failed(self, reason: &str) -> Result<(), PublishError> {
        let id = self.id.clone();
        self.0.failed(&id, reason).await
    }
}

impl Deref for InboxClaim {
    type Target = InboxEvent;

    fn deref(&self) -> &InboxEvent {
        &self.0.item
    }
}

/// The answer as it is sent, or why it cannot be.
pub(super) fn json(answer: &impl Serialize) -> Result<Box<str>, String> {
    let json =
        serde_json::to_string(answer).map_err(|error| format!("the answer cannot be written as JSON: {error}"))?;
    if json.len() > MAX_ANSWER_BYTES {
        return Err(format!("the answer has {} bytes; expected at most {MAX_ANSWER_BYTES}", json.len()));
    }
    Ok(json.into())
}
