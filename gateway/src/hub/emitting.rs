//! What a client emits, on its way to the bus, and the answer, on its way back.

use bytes::Bytes;
use wirebell_protocol::Fault;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::inbox::{Answer, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;

use super::awaited::{MOST, Ticket};
use super::frame::Frame;
use super::outbox::Offered;
use super::{Hub, Seat};
use crate::lifecycle::uptime_millis;

impl Seat {
    /// Puts what the client emits into the inbox. Answers the frame that the client gets at once, if any; an answer that
    /// comes later comes by the outbox.
    pub async fn emit(&self, user: &str, device: Option<&str>, emission: &Emission) -> Option<Bytes> {
        let (hub, connection) = (&self.hub, self.id());
        let reference = emission.reference.as_deref();
        let ticket = match reference {
            None => None,
            Some(reference) => {
                let asked = hub.awaited.ask(connection.number, reference, uptime_millis(), hub.reply_millis);
                if asked.is_none() {
                    hub.emitted(Fault::RateLimited.code());
                    return Some(too_many(reference));
                }
                asked
            }
        };
        // It is registered first: the answer may be here before the bus says that it has the event.
        let answer = match hub.bus.emit(&Emitter { user, device, connection }, emission).await {
            Ok(emitted) => {
                hub.emitted(if emitted.again { "again" } else { "stored" });
                at_once(emitted)?
            }
            Err(error) => {
                tracing::debug!(%error, "an event from a client was not stored");
                hub.emitted(Fault::Unavailable.code());
                Answer::Error(Fault::Unavailable)
            }
        };
        match (reference, ticket) {
            (Some(reference), Some(ticket)) => self.settled(reference, ticket, &answer),
            // Nobody asked what came of it, but that it is lost has to be said.
            _ => (answer == Answer::Error(Fault::Unavailable)).then(|| unavailable(&answer)),
        }
    }

    /// The answer, unless another one came before.
    fn settled(&self, reference: &str, ticket: Ticket, answer: &Answer) -> Option<Bytes> {
        let hub = &self.hub;
        let is_open = hub.awaited.settle(self.id().number, ticket);
        is_open.then(|| {
            let outcome = match answer {
                Answer::Reply(_) => "again",
                Answer::Error(fault) => fault.code(),
            };
            hub.metrics.emit_answers.with_label_values(&[outcome]).inc();
            answer.frame(reference)
        })
    }
}

impl Hub {
    /// A service has answered one of this node's connections.
    pub(super) fn replied(&self, reply: Reply) {
        let connection = reply.connection.number;
        let waited = (reply.connection.node == self.node)
            .then(|| self.awaited.answered(connection, &reply.reference, uptime_millis()))
            .flatten();
        let Some(millis) = waited else {
            self.metrics.emit_answers.with_label_values(&["late"]).inc();
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        self.metrics.emit_answer.observe(millis as f64 / 1e3);
        let Some(outbox) = self.lock().outbox(connection) else { return };
        let outcome = match outbox.offer(Frame::reply(reply.frame)) {
            Offered::Dropped | Offered::Overflowed => {
                // Whoever takes so little is at least told so.
                outbox.insist(Frame::reply(no_room(&reply.reference)));
                "dropped"
            }
            Offered::Unsent => {
                outbox.send(&self.meters);
                "answered"
            }
            Offered::Queued => "answered",
            Offered::Gone => "gone",
        };
        self.metrics.emit_answers.with_label_values(&[outcome]).inc();
    }

    /// Hands a frame to a connection, whatever waits for it. Only for small ones, of which there can be few.
    pub(super) fn insist(&self, connection: u64, frame: Frame) {
        let Some(outbox) = self.lock().outbox(connection) else { return };
        if outbox.insist(frame) == Offered::Unsent {
            outbox.send(&self.meters);
        }
    }

    /// A client's event came to this.
    pub(super) fn emitted(&self, outcome: &str) {
        self.metrics.emits.with_label_values(&[outcome]).inc();
    }
}

/// What can be said at once of an event that is in the inbox.
fn at_once(emitted: Emitted) -> Option<Answer> {
    match (emitted.answer, emitted.services) {
        (None, 0) => Some(Answer::Error(Fault::NoService)),
        (answer, _) => answer,
    }
}

fn too_many(reference: &str) -> Bytes {
    let message = format!("this connection waits for {MOST} answers, which is as many as one may");
    ServerFrame::Error { code: Fault::RateLimited, message: &message, r#ref: Some(reference) }.encode()
}

fn no_room(reference: &str) -> Bytes {
    let message = "the service has answered, and the client takes too little for the answer to find room";
    ServerFrame::Error { code: Fault::NoReply, message, r#ref: Some(reference) }.encode()
}

fn unavailable(answer: &Answer) -> Bytes {
    answer.frame_for(None)
}
