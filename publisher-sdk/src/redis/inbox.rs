//! Being done with an event of the inbox: the script, and word to whoever has emitted it.

use redis::Value;
use wirebell_protocol::Fault;
use wirebell_protocol::inbox::{self, Answer, Told};
use wirebell_protocol::message::Reply;

use super::routes::Request;
use super::strange;
use super::streams::{Entry, Group};
use crate::failure::Failure;

impl Group {
    /// It is handled; whoever has emitted it is told the answer.
    pub(crate) async fn answer(&self, entry: &Entry, answer: &Answer) -> Result<(), Failure> {
        self.finish(entry, answer, None).await
    }

    /// It is given up; whoever has emitted it is told so.
    pub(super) async fn give_up(&self, entry: &Entry, reason: &str) -> Result<(), Failure> {
        let tries = entry.tries.to_string();
        let letter = inbox::dead_letter(&entry.fields, &self.name, &tries, reason);
        self.finish(entry, &Answer::Error(Fault::ServiceFailed), Some(&letter)).await
    }

    async fn finish(&self, entry: &Entry, answer: &Answer, dead: Option<&[(&str, &str)]>) -> Result<(), Failure> {
        let event = inbox::Entry::read(&entry.fields);
        let of = event.as_ref().map(|event| (event.user.as_str(), event.id.as_str()));
        let place = (entry.place.0, entry.place.1.as_str());
        let call = inbox::answer(&self.bus.options.keys, place, &self.name, of, Some(answer), dead);
        let words: Vec<String> = self.bus.ask_one(Request::call(call)).await?;
        let told = Told::read(&words).map_err(|error| strange(error.to_string()))?;
        let to = match told {
            Told::Done => event.and_then(|event| event.connection.zip(event.reference)),
            Told::Instead(to) => to,
            Told::Gone => None,
        };
        if let Some((connection, reference)) = to {
            self.tell(&answer.to(connection, &reference)).await;
        }
        Ok(())
    }

    /// The event is done with, so that failing to say so is no reason to handle it again.
    async fn tell(&self, reply: &Reply) {
        let channel = self.bus.options.keys.announce_node(reply.connection.node);
        let told = Request::command("SPUBLISH", &channel).arg(&reply.encode()[..]);
        if let Err(failure) = self.bus.ask_one::<Value>(told).await {
            tracing::warn!(error = %failure.error, "a client was not told what came of its event");
        }
    }
}
