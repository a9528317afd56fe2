//! Metrics that every delivery updates, looked up once instead of by label each time.

use prometheus::{Histogram, IntCounter};
use wirebell_protocol::Class;

use super::frame::Frame;
use crate::lifecycle::wall_clock;
use crate::telemetry::Metrics;

/// Counters and histograms by class.
pub struct Meters {
    announced: [IntCounter; 3],
    written: [IntCounter; 3],
    latency: [Histogram; 3],
}

impl Meters {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            announced: Class::ALL.map(|class| metrics.announced.with_label_values(&[class.as_str()])),
            written: Class::ALL.map(|class| metrics.deliveries.with_label_values(&[class.as_str(), "written"])),
            latency: Class::ALL.map(|class| metrics.publish_to_write.with_label_values(&[class.as_str()])),
        }
    }

    pub(super) fn announced(&self, class: Class) {
        self.announced[index(class)].inc();
    }

    /// Counts frames that the kernel has accepted.
    pub fn written<'a>(&self, frames: impl Iterator<Item = &'a Frame>) {
        let now = wall_clock().as_secs_f64();
        for frame in frames.filter(|frame| frame.accepted_at != 0) {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
            let accepted = frame.accepted_at as f64 / 1e6;
            self.latency[index(frame.class)].observe((now - accepted).max(0.0));
            self.written[index(frame.class)].inc();
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
