//! How long things took, by when they were due. A machine that is taken away for a few milliseconds now and then leaves its
//! mark on one event in a hundred, and so on any p99 over all of them; the median of many short times does not show it.

use std::collections::BTreeMap;

use crate::latency::{Counts, Latency};

/// A quarter of a second.
const NANOS: u64 = 250_000_000;
/// A minute of them: what is due later is not divided.
const MOST: usize = 240;

/// A histogram for each of these times.
#[derive(Debug, Clone, Default)]
pub struct Windows(BTreeMap<u64, Latency>);

/// The same on its way to another process.
pub type WindowCounts = Vec<(u64, Counts)>;

impl Windows {
    /// One that was due then, in nanoseconds, and took so long.
    pub fn record(&mut self, due: u64, nanos: u64) {
        let window = due / NANOS;
        if let Some(latency) = self.0.get_mut(&window) {
            latency.record(nanos);
        } else if self.0.len() < MOST {
            self.0.entry(window).or_default().record(nanos);
        }
    }

    /// As counts.
    pub fn counts(&self) -> WindowCounts {
        self.0.iter().map(|(window, latency)| (*window, latency.counts())).collect()
    }

    /// With what another process recorded.
    pub fn add(&mut self, divided: &WindowCounts) {
        for (window, counts) in divided {
            self.0.entry(*window).or_default().add(counts);
        }
    }

    /// In microseconds: in the median one, so long or less took this part of them. The first and the last are not whole.
    pub fn median_micros(&self, part: f64) -> Option<f64> {
        let whole = self.0.values().skip(1).take(self.0.len().saturating_sub(2));
        let mut all: Vec<f64> = whole.map(|latency| latency.micros(part)).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_moment_is_not_the_median() {
        let mut windows = Windows::default();
        assert_eq!(windows.median_micros(0.99), None);
        for event in 0..1_000_u64 {
            // A millisecond each; what is due in the fourth window, and in the first, takes a second.
            let due = 7 * NANOS + event * 10_000_000;
            let is_slow = due / NANOS == 10 || due / NANOS == 7;
            windows.record(due, if is_slow { 1_000_000_000 } else { 1_000_000 });
        }
        let mut other = Windows::default();
        other.add(&windows.counts());
        for windows in [windows, other] {
            let median = windows.median_micros(0.99).unwrap();
            assert!((median - 1_000.0).abs() < 2.0, "{median}");
        }
    }
}
