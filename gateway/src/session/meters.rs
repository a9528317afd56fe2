//! Metrics that every frame touches, resolved once instead of by label each time.

use prometheus::IntCounter;
use wirebell_protocol::frame::client::{ClientFrame, FrameError};
use wirebell_protocol::{Announcement, Class, ErrorCode};

use crate::hub::LogKind;
use crate::lifecycle::{millis, wall_clock};
use crate::telemetry::Metrics;

/// Handles of the counters.
pub struct Meters {
    caught_up: [IntCounter; 2],
    expired: IntCounter,
    understood: [(&'static str, IntCounter); 7],
    rejected: Vec<(ErrorCode, IntCounter)>,
}

impl Meters {
    /// Resolves the counters.
    pub fn new(metrics: &Metrics) -> Self {
        let frames = |kind: &str, outcome: &str| metrics.client_frames.with_label_values(&[kind, outcome]);
        Self {
            caught_up: [Class::Durable, Class::Retained]
                .map(|class| metrics.deliveries.with_label_values(&[class.as_str(), "caught_up"])),
            expired: metrics.deliveries.with_label_values(&[Class::Durable.as_str(), "expired"]),
            understood: ["auth", "resume", "subscribe", "unsubscribe", "ack", "ping", "emit"]
                .map(|kind| (kind, frames(kind, "understood"))),
            rejected: ErrorCode::ALL.into_iter().map(|code| (code, frames("other", code.as_str()))).collect(),
        }
    }

    pub(super) fn frame(&self, frame: &Result<ClientFrame, FrameError>) {
        let kind = match frame {
            Ok(ClientFrame::Auth { .. }) => "auth",
            Ok(ClientFrame::Resume { .. }) => "resume",
            Ok(ClientFrame::Subscribe { .. }) => "subscribe",
            Ok(ClientFrame::Unsubscribe { .. }) => "unsubscribe",
            Ok(ClientFrame::Ack { .. }) => "ack",
            Ok(ClientFrame::Ping { .. }) => "ping",
            Ok(ClientFrame::Emit(_)) => "emit",
            Err(error) => {
                self.rejected.iter().filter(|(code, _)| *code == error.code).for_each(|(_, counter)| counter.inc());
                return;
            }
        };
        self.understood.iter().filter(|(known, _)| *known == kind).for_each(|(_, counter)| counter.inc());
    }
}

impl Meters {
    /// Counts an event that was read from a log and written. Its age is not measured, since it says
    /// nothing about the node.
    pub(super) fn caught_up(&self, kind: LogKind) {
        self.caught_up[usize::from(kind == LogKind::Retained)].inc();
    }

    /// Returns whether the event has not expired yet, and counts it if it has.
    pub(super) fn is_current(&self, event: &Announcement) -> bool {
        let is_expired = event.is_expired(|| millis(wall_clock()));
        if is_expired {
            self.expired.inc();
        }
        !is_expired
    }
}
