//! What a channel's listeners are handed: an event, or word that something before one is lost.

use std::sync::Arc;

use bytes::Bytes;
use tracing::Span;
use wirebell_protocol::announcement::Place;
use wirebell_protocol::frame::server::ServerFrame;
use wirebell_protocol::tracking::What;
use wirebell_protocol::{Announcement, Channel, Class, ConnectionId, Cursor, trace};

use super::frame::{Frame, Watched};
use super::line::Lane;

use crate::bus::Note;
use crate::lifecycle::{millis, wall_clock};
use crate::telemetry::propagation;

/// A frame for many, with what is known of its event.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) class: Class,
    /// The event's, by which it is decided for whom it is; none for what is not stored.
    pub(super) place: Option<Place>,
    /// Behind this cursor, a session without room for it finds it in the log.
    pub(super) after: Cursor,
    bytes: Bytes,
    accepted_at: u64,
    expires_at: Option<u64>,
    watched: Option<Arc<Watched>>,
}

impl Notice {
    /// An event.
    pub(super) fn event(event: &Announcement) -> Self {
        Self {
            class: event.class,
            place: event.place,
            after: event.place.map_or(Cursor::START, |place| place.previous),
            bytes: event.frame.clone(),
            accepted_at: event.accepted_at,
            expires_at: event.expires_at,
            watched: Watched::of(event).map(Arc::new),
        }
    }

    /// Word that the log has lost what came between `last` and this event. Whoever has no room for it reads the log
    /// from `last` on, and sees the gap by itself.
    pub(super) fn gap(event: &Announcement, last: Cursor) -> Self {
        let bytes = ServerFrame::Gap { channel: &event.channel }.encode();
        Self { after: last, bytes, expires_at: None, watched: None, ..Self::event(event) }
    }

    /// The same as a frame of one session.
    pub(super) fn frame(&self) -> Frame {
        let (class, accepted_at) = (self.class, self.accepted_at);
        Frame { bytes: self.bytes.clone(), class, accepted_at, watched: self.watched.clone() }
    }

    /// What became of it on a connection to which it was not written, if anybody wants to know.
    pub(super) fn note(&self, connection: ConnectionId, what: What) -> Option<Note> {
        let event = self.watched.as_ref()?;
        Some(Note { channel: event.channel.clone(), id: event.id.clone(), connection, device: None, what })
    }

    /// Is it no longer worth handing out?
    pub(super) fn is_expired(&self) -> bool {
        self.expires_at.is_some_and(|at| at <= millis(wall_clock()))
    }

    /// The span in which it is handed out, if its publisher has sent one along: a child of the publisher's, and the
    /// parent of whatever the client does with it.
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

/// What a channel's many listeners are handed together, slice by slice.
pub(super) struct Batch {
    pub(super) sent: Vec<Sent>,
    /// For a piece of one of the channel's lines: which, and whether that ended with it.
    pub(super) piece: Option<(Lane, bool)>,
}

/// A notice on its way, and to how many sessions it has gone.
pub(super) struct Sent {
    pub(super) notice: Notice,
    pub(super) span: Span,
    pub(super) sessions: usize,
}

impl Batch {
    pub(super) fn new(channel: &Channel, notices: Vec<Notice>, piece: Option<(Lane, bool)>) -> Self {
        let sent = |mut notice: Notice| {
            let span = notice.trace(channel, None);
            Sent { notice, span, sessions: 0 }
        };
        Self { sent: notices.into_iter().map(sent).collect(), piece }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.span.record("sessions", self.sessions);
    }
}
