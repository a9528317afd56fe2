//! How long things took: the middle, and what one in a hundred takes longer than.

use std::fmt;
use std::time::Duration;

/// Some quantiles of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    /// Half took longer.
    pub p50: Duration,
    /// One in a hundred took longer.
    pub p99: Duration,
    /// None took longer.
    pub most: Duration,
}

impl Quantiles {
    /// Of these durations; zero if there are none.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |hundredths: usize| {
            let index = (durations.len() * hundredths / 100).min(durations.len().saturating_sub(1));
            durations.get(index).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), most: at(100) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", ms(self.p50), ms(self.p99), ms(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends_are_found() {
        let durations = (1..=200).rev().map(Duration::from_millis).collect();
        let quantiles = Quantiles::of(durations);
        assert_eq!(quantiles.to_string(), "p50 101.00 ms, p99 199.00 ms, most 200.00 ms");
        assert_eq!(Quantiles::of(Vec::new()), Quantiles::default());
    }
}
