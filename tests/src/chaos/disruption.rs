//! Disruptions that devices cause by themselves, and their counters.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

/// A disruption that a device causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// The device reads nothing for some seconds.
    Pause,
    /// The device disconnects in the middle of a frame.
    HalfFrame,
    /// The device disconnects without a close frame.
    Abort,
    /// The device sends a close frame and reconnects.
    Close,
}

const ALL: [(Disruption, &str); 4] = [
    (Disruption::Pause, "device paused"),
    (Disruption::HalfFrame, "half a frame"),
    (Disruption::Abort, "device aborted"),
    (Disruption::Close, "closed by device"),
];

impl Disruption {
    /// Returns a random disruption.
    pub fn any(rng: &mut Rng) -> Self {
        ALL[rng.usize(..ALL.len())].0
    }
}

/// Counts disruptions by kind.
#[derive(Debug, Default)]
pub struct DisruptionCounts([AtomicU64; ALL.len()]);

impl DisruptionCounts {
    /// Counts a disruption.
    pub fn count(&self, disruption: Disruption) {
        if let Some(index) = ALL.iter().position(|(one, _)| *one == disruption) {
            self.0[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the name and the count of each kind.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ALL.iter().zip(&self.0).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
    }
}
