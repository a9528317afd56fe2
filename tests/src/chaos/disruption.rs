//! What devices do by themselves, and how often they did.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

/// Something unkind that a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// It reads nothing for some seconds.
    Pause,
    /// It goes away in the middle of a frame.
    HalfFrame,
    /// It goes away without a word.
    Abort,
    /// It says goodbye, and comes back.
    Close,
}

const ALL: [(Disruption, &str); 4] = [
    (Disruption::Pause, "device paused"),
    (Disruption::HalfFrame, "half a frame"),
    (Disruption::Abort, "device aborted"),
    (Disruption::Close, "closed by device"),
];

impl Disruption {
    /// Any of them.
    pub fn any(rng: &mut Rng) -> Self {
        ALL[rng.usize(..ALL.len())].0
    }
}

/// How often each was done.
#[derive(Debug, Default)]
pub struct DisruptionCounts([AtomicU64; ALL.len()]);

impl DisruptionCounts {
    /// It was done once more.
    pub fn count(&self, disruption: Disruption) {
        if let Some(place) = ALL.iter().position(|(one, _)| *one == disruption) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each with its name.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ALL.iter().zip(&self.0).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
    }
}
