//! Frames that all subscribers of a channel share: an event, or a gap before one.

use std::sync::Arc;

use bytes::Bytes;
use tracing::Span;
use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::tracking::ConnectionState;
use wirebell_protocol::{Announcement, Channel, Class, ConnectionId, Cursor, trace};

use super::frame::{Frame, Tracked};
use super::log_kind::LogKind;

use crate::bus::DeliveryReport;
use crate::lifecycle::{millis, wall_clock};
use crate::telemetry::propagation;

/// A frame for all subscribers of a channel, with what is known of its event.
#[derive(Debug)]
pub(super) struct SharedFrame {
    pub(super) class: Class,
    /// The event's position, which decides who gets it. `None` if the event is not stored.
    pub(super) position: Option<LogPosition>,
    /// A session without room for the frame reads the log after this cursor.
    pub(super) after: Cursor,
    bytes: Bytes,
    accepted_at: u64,
    expires_at: Option<u64>,
    tracked: Option<Arc<Tracked>>,
}

impl SharedFrame {
    /// Returns the frame of an event.
    pub(super) fn event(event: &Announcement) -> Self {
        Self {
            class: event.class,
            position: event.position,
            after: event.position.map_or(Cursor::START, |position| position.previous),
            bytes: event.frame.clone(),
            accepted_at: event.accepted_at,
            expires_at: event.expires_at,
            tracked: Tracked::of(event).map(Arc::new),
        }
    }

    /// Returns a `gap` frame: the log has lost the events between `last` and this event. A session
    /// without room for it reads the log after `last` and finds the gap by itself.
    pub(super) fn gap(event: &Announcement, last: Cursor) -> Self {
        let bytes = ServerFrame::Gap { channel: &event.channel }.encode();
        Self { after: last, bytes, expires_at: None, tracked: None, ..Self::event(event) }
    }

    /// Returns the frame for one session.
    pub(super) fn frame(&self) -> Frame {
        let (class, accepted_at) = (self.class, self.accepted_at);
        Frame { bytes: self.bytes.clone(), class, accepted_at, tracked: self.tracked.clone() }
    }

    /// Returns the report for a connection that did not get the frame, if the event is tracked.
    pub(super) fn note(&self, connection: ConnectionId, what: ConnectionState) -> Option<DeliveryReport> {
        let event = self.tracked.as_ref()?;
        Some(DeliveryReport {
            channel: event.channel.clone(),
            id: event.id.clone(),
            connection,
            device: None,
            state: what,
        })
    }

    /// Returns whether the event has expired.
    pub(super) fn is_expired(&self) -> bool {
        self.expires_at.is_some_and(|at| at <= millis(wall_clock()))
    }

    /// Starts the span of the delivery if the publisher sent a trace context. The span is a child
    /// of the publisher's, and the parent of what the client does with the event.
    pub(super) fn trace(&mut self, channel: &Channel, sessions: Option<usize>) -> Span {
        let Some(traceparent) = trace::of_frame(&self.bytes) else { return Span::none() };
        let span = tracing::info_span!(
            target: "wirebell::delivery",
            "wirebell.deliver",
            otel.kind = "consumer",
            channel = %channel,
            class = self.class.as_str(),
            sessions,
        );
        propagation::continue_from(&span, traceparent);
        if let Some(id) = propagation::span_id(&span) {
            self.bytes = trace::with_parent(&self.bytes, &id);
        }
        span
    }
}

/// Frames that go to a channel's many subscribers together, slice by slice.
pub(super) struct DeliveryBatch {
    pub(super) items: Vec<BatchItem>,
    /// For a chunk of a log: the kind of log, and whether the chunk was the last one.
    pub(super) chunk: Option<(LogKind, bool)>,
}

/// A frame being delivered, and the number of sessions that it went to.
pub(super) struct BatchItem {
    pub(super) frame: SharedFrame,
    pub(super) span: Span,
    pub(super) sessions: usize,
}

impl DeliveryBatch {
    pub(super) fn new(channel: &Channel, frames: Vec<SharedFrame>, chunk: Option<(LogKind, bool)>) -> Self {
        let item = |mut frame: SharedFrame| {
            let span = frame.trace(channel, None);
            BatchItem { frame, span, sessions: 0 }
        };
        Self { items: frames.into_iter().map(item).collect(), chunk }
    }
}

impl Drop for BatchItem {
    fn drop(&mut self) {
        self.span.record("sessions", self.sessions);
    }
}
