//! Latency histograms in nanoseconds, which can be sent between processes and added.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A minute: longer times are recorded as this.
const MAX_NANOS: u64 = 60_000_000_000;

/// A histogram of nanoseconds with three significant digits.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

/// A histogram in transferable form: values, and how often each occurred.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts(Vec<(u64, u64)>);

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_NANOS, 3);
        Self(histogram.unwrap_or_else(|error| unreachable!("three digits up to a minute are allowed: {error}")))
    }
}

impl Latency {
    /// Records one duration.
    pub fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos.max(1));
    }

    /// Clears the histogram.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// Returns how many durations were recorded.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Returns the quantile `part` in microseconds.
    pub fn micros(&self, part: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the histogram itself keeps three digits")]
        let nanos = self.0.value_at_quantile(part) as f64;
        nanos / 1000.0
    }

    /// Returns the histogram in transferable form.
    pub fn counts(&self) -> Counts {
        Counts(self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect())
    }

    /// Adds the histogram of another process.
    pub fn add(&mut self, counts: &Counts) {
        for (value, count) in &counts.0 {
            self.0.saturating_record_n(*value, *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_transfer_the_complete_histogram() {
        let mut first = Latency::default();
        (1..=1000).for_each(|micros| first.record(micros * 1000));
        let mut second = Latency::default();
        second.add(&first.counts());
        second.add(&Counts(vec![(2_000_000, 1)]));
        assert_eq!(second.count(), 1001);
        assert!((second.micros(0.5) - 500.0).abs() < 2.0, "{}", second.micros(0.5));
        assert!((second.micros(1.0) - 2000.0).abs() < 3.0);
    }
}
