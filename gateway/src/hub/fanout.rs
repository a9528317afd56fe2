//! From one announcement to the outboxes of everyone who listens for its channel.

use std::sync::Arc;

use bytes::Bytes;
use tracing::Span;
use wirebell_protocol::announcement::Place;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::tracking::What;
use wirebell_protocol::{Announcement, Class, ConnectionId, Cursor, trace};

use super::Hub;
use super::outbox::{Frame, Offered, Outbox, Watched};
use crate::bus::Note;
use crate::lifecycle::{millis, wall_clock};
use crate::telemetry::{Metrics, propagation};

/// Hands events to outboxes. It keeps its list of recipients, so that a delivery allocates nothing.
#[derive(Default)]
pub(super) struct Fanout {
    recipients: Vec<Arc<Outbox>>,
}

impl Fanout {
    /// Hands the event to everyone. The hub's lock is held only to look them up.
    pub(super) fn deliver(&mut self, hub: &Hub, event: &Announcement) {
        hub.lock().recipients(&event.channel, event.place, &mut self.recipients);
        if self.recipients.is_empty() {
            return;
        }
        if event.is_expired(|| millis(wall_clock())) {
            report(hub, event, &self.recipients, What::Expired);
            let expired = self.recipients.drain(..).count();
            count(&hub.metrics, event.class, "expired", expired);
            return;
        }
        match trace::of_frame(&event.frame) {
            None => self.offer(hub, event, &event.frame),
            Some(traceparent) => {
                let span = delivery_span(event, traceparent, self.recipients.len());
                let frame = in_span(&event.frame, &span);
                span.in_scope(|| self.offer(hub, event, &frame));
            }
        }
    }

    /// Tells everyone that the log has lost what came between `last` and the event.
    pub(super) fn gap(&mut self, hub: &Hub, event: &Announcement, place: Place, last: Cursor) {
        hub.metrics.gaps.inc();
        hub.lock().recipients(&event.channel, Some(place), &mut self.recipients);
        let bytes = ServerFrame::Gap { channel: &event.channel }.encode();
        for outbox in self.recipients.drain(..) {
            let (class, accepted_at) = (event.class, event.accepted_at);
            let frame = Frame { bytes: bytes.clone(), class, accepted_at, watched: None };
            if outbox.offer(frame) == Offered::Overflowed {
                // Reading from there, the session sees the gap by itself.
                fall_behind(hub, event, place.cursor, last, &outbox);
            }
        }
    }

    fn offer(&mut self, hub: &Hub, event: &Announcement, bytes: &Bytes) {
        let watched = Watched::of(event).map(Arc::new);
        for outbox in self.recipients.drain(..) {
            let (class, accepted_at) = (event.class, event.accepted_at);
            let frame = Frame { bytes: bytes.clone(), class, accepted_at, watched: watched.clone() };
            match outbox.offer(frame) {
                Offered::Queued => {}
                Offered::Dropped => {
                    hub.metrics.outbox_overflows.with_label_values(&[event.class.as_str()]).inc();
                    count(&hub.metrics, event.class, "dropped", 1);
                    report(hub, event, &[outbox], What::Dropped);
                }
                Offered::Overflowed => {
                    // Only what is not stored has no place, and that is dropped instead.
                    if let Some(place) = event.place {
                        fall_behind(hub, event, place.cursor, place.previous, &outbox);
                    }
                }
                Offered::Gone => count(&hub.metrics, event.class, "gone", 1),
            }
        }
    }
}

/// From here on the session reads the channel's log at its client's speed.
fn fall_behind(hub: &Hub, event: &Announcement, newest: Cursor, after: Cursor, outbox: &Arc<Outbox>) {
    hub.metrics.outbox_overflows.with_label_values(&[event.class.as_str()]).inc();
    if let Some(course) = hub.lock().course(&event.channel, outbox) {
        course.fall_behind(newest);
    }
    outbox.behind(event.channel.clone(), after);
}

/// Reports what became of a watched event on connections to which it was not written.
fn report(hub: &Hub, event: &Announcement, outboxes: &[Arc<Outbox>], what: What) {
    let Some(id) = &event.watched else { return };
    for outbox in outboxes {
        let connection = ConnectionId { node: hub.node, number: outbox.number() };
        let (channel, id) = (event.channel.clone(), id.clone());
        hub.reporter.note(Note { channel, id, connection, device: None, what });
    }
}

fn count(metrics: &Metrics, class: Class, outcome: &str, sessions: usize) {
    metrics.deliveries.with_label_values(&[class.as_str(), outcome]).inc_by(sessions as u64);
}

/// The span in which this node delivers, a child of the publisher's.
fn delivery_span(event: &Announcement, traceparent: &str, sessions: usize) -> Span {
    let span = tracing::info_span!(
        target: "wirebell::delivery",
        "wirebell.deliver",
        otel.kind = "consumer",
        channel = %event.channel,
        class = event.class.as_str(),
        sessions,
    );
    propagation::continue_from(&span, traceparent);
    span
}

/// The frame with this node's span as the parent of whatever the client does with it.
fn in_span(frame: &Bytes, span: &Span) -> Bytes {
    propagation::span_id(span).map_or_else(|| frame.clone(), |id| trace::with_parent(frame, &id))
}
