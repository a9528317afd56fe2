//! Latency by windows of due time. If the host takes the machine away for some milliseconds now and
//! then, one event in a hundred is late, and so is any p99 over all events. The median over many
//! short windows is not affected.

use std::collections::BTreeMap;

use crate::latency::{Counts, Latency};

/// Length of a window: a quarter of a second.
const NANOS: u64 = 250_000_000;
/// Most windows, a minute: later events are not recorded.
const MAX_WINDOWS: usize = 240;

/// A histogram for each window.
#[derive(Debug, Clone, Default)]
pub struct Windows(BTreeMap<u64, Latency>);

/// The windows in transferable form.
pub type WindowCounts = Vec<(u64, Counts)>;

impl Windows {
    /// Records an event by when it was due and how long it took, both in nanoseconds.
    pub fn record(&mut self, due: u64, nanos: u64) {
        let window = due / NANOS;
        if let Some(latency) = self.0.get_mut(&window) {
            latency.record(nanos);
        } else if self.0.len() < MAX_WINDOWS {
            self.0.entry(window).or_default().record(nanos);
        }
    }

    /// Returns the windows in transferable form.
    pub fn counts(&self) -> WindowCounts {
        self.0.iter().map(|(window, latency)| (*window, latency.counts())).collect()
    }

    /// Adds the windows of another process.
    pub fn add(&mut self, counts_by_window: &WindowCounts) {
        for (window, counts) in counts_by_window {
            self.0.entry(*window).or_default().add(counts);
        }
    }

    /// Returns the median over the windows of the quantile `part`, in microseconds. Skips the first
    /// and the last window, which are incomplete.
    pub fn median_micros(&self, part: f64) -> Option<f64> {
        let complete = self.0.values().skip(1).take(self.0.len().saturating_sub(2));
        let mut all: Vec<f64> = complete.map(|latency| latency.micros(part)).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_window_does_not_change_the_median() {
        let mut windows = Windows::default();
        assert_eq!(windows.median_micros(0.99), None);
        for event in 0..1_000_u64 {
            // A millisecond each; events due in the first and the fourth window take a second.
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
