//! The reporter: writes the delivery status of tracked events and their acknowledgements to the
//! bus. It batches and retries, so neither a session nor an event waits for it. Its queue is
//! bounded. Acknowledgements are cumulative: a later one of a device replaces an earlier one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wirebell_protocol::{Channel, ConnectionId, Cursor};

use crate::bus::SharedBus;
pub use crate::bus::{Ack, DeliveryReport};
use crate::telemetry::Metrics;

/// Maximum number of queued reports of each kind.
const MAX_WAITING: usize = 100_000;
/// Maximum number of reports of each kind in one request to the bus.
const BATCH: usize = 256;
/// Pause after an error of the bus, plus a random part of the same length.
const RETRY: Duration = Duration::from_millis(200);

/// The node's reporter, shared by the hub and all sessions.
pub struct Reporter {
    waiting: Mutex<Waiting>,
    changed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Waiting {
    notes: Vec<DeliveryReport>,
    acks: HashMap<(Channel, Box<str>), (Cursor, ConnectionId)>,
    /// Number of reports taken from the queue and not yet written.
    in_flight: usize,
}

impl Reporter {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { waiting: Mutex::default(), changed: Notify::new(), metrics }
    }

    /// Reports the delivery status of a tracked event on a connection.
    pub fn note(&self, note: DeliveryReport) {
        let mut waiting = self.lock();
        if waiting.notes.len() >= MAX_WAITING {
            return self.metrics.report_overflows.with_label_values(&["note"]).inc();
        }
        waiting.notes.push(note);
        drop(waiting);
        self.changed.notify_one();
    }

    /// Reports an acknowledgement.
    pub fn acknowledge(&self, ack: Ack) {
        let mut waiting = self.lock();
        if !waiting.add(ack) {
            return self.metrics.report_overflows.with_label_values(&["ack"]).inc();
        }
        drop(waiting);
        self.changed.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.acks.is_empty() && self.in_flight == 0
    }

    /// Adds an acknowledgement. Returns false if there is no room.
    fn add(&mut self, ack: Ack) -> bool {
        let full = self.acks.len() >= MAX_WAITING;
        let device = (ack.channel, ack.device);
        match self.acks.get_mut(&device) {
            Some(known) if known.0 >= ack.cursor => {}
            Some(known) => *known = (ack.cursor, ack.connection),
            None if full => return false,
            None => _ = self.acks.insert(device, (ack.cursor, ack.connection)),
        }
        true
    }

    fn take(&mut self) -> (Vec<DeliveryReport>, Vec<Ack>) {
        let some = self.notes.len().min(BATCH);
        let notes: Vec<DeliveryReport> = self.notes.drain(..some).collect();
        let devices: Vec<(Channel, Box<str>)> = self.acks.keys().take(BATCH).cloned().collect();
        let take = |device: (Channel, Box<str>)| {
            let (cursor, connection) = self.acks.remove(&device)?;
            Some(Ack { channel: device.0, device: device.1, connection, cursor })
        };
        let acks: Vec<Ack> = devices.into_iter().filter_map(take).collect();
        self.in_flight = notes.len() + acks.len();
        (notes, acks)
    }

    /// Puts back reports that the bus did not accept.
    fn put_back(&mut self, notes: Vec<DeliveryReport>, acks: Vec<Ack>) {
        self.in_flight = 0;
        self.notes.splice(..0, notes);
        for ack in acks {
            self.add(ack);
        }
    }
}

/// Writes reports while the process runs.
pub(super) async fn run(reporter: Arc<Reporter>, bus: SharedBus) {
    loop {
        let (notes, acks) = reporter.lock().take();
        if notes.is_empty() && acks.is_empty() {
            reporter.changed.notified().await;
            continue;
        }
        // A delivery is noted before it is acknowledged.
        let (notes, acks) = match bus.report(&notes).await {
            Ok(()) => (Vec::new(), acknowledge(acks, &bus).await),
            Err(error) => {
                tracing::debug!(%error, "cannot write reports to the bus; retrying");
                (notes, acks)
            }
        };
        let must_retry = !notes.is_empty() || !acks.is_empty();
        reporter.lock().put_back(notes, acks);
        if must_retry {
            tokio::time::sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }
}

/// Writes acknowledgements. Returns those that the bus did not accept.
async fn acknowledge(acks: Vec<Ack>, bus: &SharedBus) -> Vec<Ack> {
    let answers = bus.acknowledge(&acks).await;
    acks.into_iter().zip(answers).filter(|(_, answer)| answer.is_err()).map(|(ack, _)| ack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(device: &str, millis: u64) -> Ack {
        let connection = "abcdefgh.1".parse().unwrap();
        Ack { channel: Channel::all(), device: device.into(), connection, cursor: Cursor { millis, sequence: 0 } }
    }

    #[test]
    fn a_later_acknowledgement_replaces_an_earlier_one() {
        let mut waiting = Waiting::default();
        for millis in [5, 9, 7] {
            assert!(waiting.add(ack("phone", millis)));
        }
        assert_eq!(waiting.take().1, [ack("phone", 9)]);
        assert!(!waiting.is_empty(), "it is on its way");
        waiting.put_back(Vec::new(), vec![ack("phone", 9)]);
        assert_eq!(waiting.take().1, [ack("phone", 9)]);
        waiting.put_back(Vec::new(), Vec::new());
        assert!(waiting.is_empty());
    }
}
