//! A client's event on its way to the bus, and the service's reply on its way back.

use bytes::Bytes;
use wirebell_protocol::ErrorCode;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::inbox::{Answer, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;

use super::frame::Frame;
use super::pending_replies::{MAX_PENDING, RequestId};
use super::send_buffer::PushResult;
use super::{Hub, Membership};
use crate::lifecycle::uptime_millis;

impl Membership {
    /// Appends the client's event to the inbox. Returns the frame that answers the client now, if
    /// any. A later reply goes through the send buffer.
    pub async fn emit(&self, user: &str, device: Option<&str>, emission: &Emission) -> Option<Bytes> {
        let (hub, connection) = (&self.hub, self.id());
        let reference = emission.reference.as_deref();
        let request = match reference {
            None => None,
            Some(reference) => {
                let registered = hub.pending_replies.register(
                    connection.number,
                    reference,
                    uptime_millis(),
                    hub.reply_timeout_millis,
                );
                if registered.is_none() {
                    hub.count_emit(ErrorCode::RateLimited.as_str());
                    return Some(too_many_pending(reference));
                }
                registered
            }
        };
        // The request is registered already: the reply may arrive before the bus' answer.
        let answer = match hub.bus.emit(&Emitter { user, device, connection }, emission).await {
            Ok(emitted) => {
                hub.count_emit(if emitted.duplicate { "again" } else { "stored" });
                immediate_answer(emitted)?
            }
            Err(error) => {
                tracing::debug!(%error, "cannot store an event of a client");
                hub.count_emit(ErrorCode::Unavailable.as_str());
                Answer::Error(ErrorCode::Unavailable)
            }
        };
        match (reference, request) {
            (Some(reference), Some(request)) => self.resolve(reference, request, &answer),
            // An event without `ref` gets no reply, but the client must know that it is lost.
            _ => (answer == Answer::Error(ErrorCode::Unavailable)).then(|| unavailable(&answer)),
        }
    }

    /// Returns the answer, unless the request was answered before.
    fn resolve(&self, reference: &str, request: RequestId, answer: &Answer) -> Option<Bytes> {
        let hub = &self.hub;
        let is_open = hub.pending_replies.cancel(self.id().number, request);
        is_open.then(|| {
            let outcome = match answer {
                Answer::Reply(_) => "again",
                Answer::Error(code) => code.as_str(),
            };
            hub.metrics.emit_answers.with_label_values(&[outcome]).inc();
            answer.frame(reference)
        })
    }
}

impl Hub {
    /// Delivers a service's reply to one of this node's connections.
    pub(super) fn deliver_reply(&self, reply: Reply) {
        let connection = reply.connection.number;
        let waited = (reply.connection.node == self.node)
            .then(|| self.pending_replies.take_reply(connection, &reply.reference, uptime_millis()))
            .flatten();
        let Some(millis) = waited else {
            self.metrics.emit_answers.with_label_values(&["late"]).inc();
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        self.metrics.emit_answer.observe(millis as f64 / 1e3);
        let Some(buffer) = self.lock().send_buffer(connection) else { return };
        let outcome = match buffer.push(Frame::reply(reply.frame)) {
            PushResult::Dropped | PushResult::Overflowed => {
                // Without room for the reply, the client at least gets an error.
                buffer.push_unbounded(Frame::reply(reply_dropped(&reply.reference)));
                "dropped"
            }
            PushResult::Unsent => {
                buffer.send(&self.meters);
                "answered"
            }
            PushResult::Queued => "answered",
            PushResult::Closed => "gone",
        };
        self.metrics.emit_answers.with_label_values(&[outcome]).inc();
    }

    /// Queues a frame for a connection without the limit. Only for small frames of which there are
    /// few.
    pub(super) fn push_unbounded(&self, connection: u64, frame: Frame) {
        let Some(buffer) = self.lock().send_buffer(connection) else { return };
        if buffer.push_unbounded(frame) == PushResult::Unsent {
            buffer.send(&self.meters);
        }
    }

    /// Counts an event of a client.
    pub(super) fn count_emit(&self, outcome: &str) {
        self.metrics.emits.with_label_values(&[outcome]).inc();
    }
}

/// Returns the answer that an event in the inbox gets at once.
fn immediate_answer(emitted: Emitted) -> Option<Answer> {
    match (emitted.answer, emitted.services) {
        (None, 0) => Some(Answer::Error(ErrorCode::NoService)),
        (answer, _) => answer,
    }
}

fn too_many_pending(reference: &str) -> Bytes {
    let message = format!("this connection already waits for {MAX_PENDING} replies, the maximum");
    ServerFrame::Error { code: ErrorCode::RateLimited, message: &message, r#ref: Some(reference) }.encode()
}

fn reply_dropped(reference: &str) -> Bytes {
    let message = "the service replied, but the client reads too slowly: no room for the reply in its send buffer";
    ServerFrame::Error { code: ErrorCode::NoReply, message, r#ref: Some(reference) }.encode()
}

fn unavailable(answer: &Answer) -> Bytes {
    answer.frame_for(None)
}
