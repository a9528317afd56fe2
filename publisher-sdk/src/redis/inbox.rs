//! Finishes an inbox event: runs the script and sends the reply to the client that emitted it.

use redis::Value;
use wirebell_protocol::ErrorCode;
use wirebell_protocol::inbox::{self, Answer, FinishResult};
use wirebell_protocol::message::Reply;

use super::bad_reply;
use super::routes::Request;
use super::streams::{ConsumerGroup, Entry};
use crate::failure::Failure;

impl ConsumerGroup {
    /// Acknowledges a handled event and sends the reply to its client.
    pub(crate) async fn answer(&self, entry: &Entry, answer: &Answer) -> Result<(), Failure> {
        self.finish(entry, answer, None).await
    }

    /// Makes the event a dead letter and sends an error to its client.
    pub(super) async fn dead_letter_inbox(&self, entry: &Entry, reason: &str) -> Result<(), Failure> {
        let attempts = entry.attempts.to_string();
        let dead_letter = inbox::dead_letter(&entry.fields, &self.name, &attempts, reason);
        self.finish(entry, &Answer::Error(ErrorCode::ServiceFailed), Some(&dead_letter)).await
    }

    /// Finishes the entry in Redis, and sends the reply to the connection that waits for it.
    async fn finish(&self, entry: &Entry, answer: &Answer, dead: Option<&[(&str, &str)]>) -> Result<(), Failure> {
        let event = inbox::Entry::read(&entry.fields);
        let of = event.as_ref().map(|event| (event.user.as_str(), event.id.as_str()));
        let id = (entry.id.0, entry.id.1.as_str());
        let call = inbox::answer(&self.bus.options.keys, id, &self.name, of, Some(answer), dead);
        let reply: Vec<String> = self.bus.execute_one(Request::call(call)).await?;
        let result = FinishResult::read(&reply).map_err(|error| bad_reply(error.to_string()))?;
        let recipient = match result {
            FinishResult::Finished => event.and_then(|event| event.connection.zip(event.reference)),
            FinishResult::Redirected(to) => to,
            FinishResult::AlreadyFinished => None,
        };
        if let Some((connection, reference)) = recipient {
            self.send_reply(&answer.to(connection, &reference)).await;
        }
        Ok(())
    }

    /// Sends the reply. A failure is only logged: the event is acknowledged and must not be handled
    /// again.
    async fn send_reply(&self, reply: &Reply) {
        let channel = self.bus.options.keys.announce_node(reply.connection.node);
        let publish = Request::command("SPUBLISH", &channel).arg(&reply.encode()[..]);
        if let Err(failure) = self.bus.execute_one::<Value>(publish).await {
            tracing::warn!(error = %failure.error, "cannot send the reply to an event to its client");
        }
    }
}
