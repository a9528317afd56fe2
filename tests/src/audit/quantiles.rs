//! Quantiles of durations.

use std::fmt;
use std::time::Duration;

/// The quantiles of a set of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The maximum.
    pub max: Duration,
}

impl Quantiles {
    /// Returns the quantiles of these durations; zero if there are none.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |hundredths: usize| {
            let index = (durations.len() * hundredths / 100).min(durations.len().saturating_sub(1));
            durations.get(index).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", ms(self.p50), ms(self.p99), ms(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_percentile_and_maximum_are_found() {
        let durations = (1..=200).rev().map(Duration::from_millis).collect();
        let quantiles = Quantiles::of(durations);
        assert_eq!(quantiles.to_string(), "p50 101.00 ms, p99 199.00 ms, max 200.00 ms");
        assert_eq!(Quantiles::of(Vec::new()), Quantiles::default());
    }
}
