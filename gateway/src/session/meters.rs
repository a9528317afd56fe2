//! The numbers that every frame touches, looked up once instead of by label each time.

use prometheus::{Histogram, IntCounter};
use wirebell_protocol::frame::client::{ClientFrame, FrameError};
use wirebell_protocol::{Announcement, Class, Fault};

use crate::hub::Lane;
use crate::hub::outbox::Frame;
use crate::lifecycle::{millis, wall_clock};
use crate::telemetry::Metrics;

/// Handles of counters and histograms.
pub struct Meters {
    written: [IntCounter; 3],
    latency: [Histogram; 3],
    caught_up: [IntCounter; 2],
    expired: IntCounter,
    understood: [(&'static str, IntCounter); 6],
    refused: Vec<(Fault, IntCounter)>,
}

impl Meters {
    /// Looks them up.
    pub fn new(metrics: &Metrics) -> Self {
        let frames = |kind: &str, outcome: &str| metrics.client_frames.with_label_values(&[kind, outcome]);
        Self {
            written: Class::ALL.map(|class| metrics.deliveries.with_label_values(&[class.as_str(), "written"])),
            latency: Class::ALL.map(|class| metrics.publish_to_write.with_label_values(&[class.as_str()])),
            caught_up: [Class::Durable, Class::Retained]
                .map(|class| metrics.deliveries.with_label_values(&[class.as_str(), "caught_up"])),
            expired: metrics.deliveries.with_label_values(&[Class::Durable.as_str(), "expired"]),
            understood: ["auth", "resume", "subscribe", "unsubscribe", "ack", "ping"]
                .map(|kind| (kind, frames(kind, "understood"))),
            refused: Fault::ALL.into_iter().map(|fault| (fault, frames("other", fault.code()))).collect(),
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
            Err(error) => {
                self.refused
                    .iter()
                    .filter(|(fault, _)| *fault == error.fault)
                    .for_each(|(_, counter)| counter.inc());
                return;
            }
        };
        self.understood.iter().filter(|(known, _)| *known == kind).for_each(|(_, counter)| counter.inc());
    }
}

impl Meters {
    /// A frame that was read from a line is with the client. How long ago it was published says nothing about the node.
    pub(super) fn caught_up(&self, lane: Lane) {
        self.caught_up[usize::from(lane == Lane::Retained)].inc();
    }

    /// Has the event not expired yet? If it has, it is counted.
    pub(super) fn is_worth_delivering(&self, event: &Announcement) -> bool {
        let is_expired = event.is_expired(|| millis(wall_clock()));
        if is_expired {
            self.expired.inc();
        }
        !is_expired
    }
}

/// What one write carries: counted once it is done.
pub(super) struct Delivered<'a> {
    meters: &'a Meters,
    accepted: Vec<(usize, u64)>,
}

impl<'a> Delivered<'a> {
    pub(super) fn new(meters: &'a Meters) -> Self {
        Self { meters, accepted: Vec::new() }
    }

    pub(super) fn note(&mut self, frame: &Frame) {
        self.accepted.push((index(frame.class), frame.accepted_at));
    }

    /// The frames are with the kernel.
    pub(super) fn written(self) {
        let now = wall_clock().as_secs_f64();
        for (class, accepted_at) in self.accepted {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
            let accepted = accepted_at as f64 / 1e6;
            self.meters.latency[class].observe((now - accepted).max(0.0));
            self.meters.written[class].inc();
        }
    }
}

fn index(class: Class) -> usize {
    match class {
        Class::Durable => 0,
        Class::Retained => 1,
        Class::Volatile => 2,
    }
}
