//! Retrying: how long to wait before the next try.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::PublishError;
use crate::failure::{Failure, Verdict};

/// Tries something that may be done twice until it is done, cannot be done, or the time is over.
pub(crate) async fn until<T, F>(timeout: Duration, attempt: impl Fn() -> F) -> Result<T, PublishError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let deadline = Instant::now() + timeout;
    let mut backoff = Backoff::up_to(Duration::from_secs(1));
    let mut last = PublishError::TimedOut { after: timeout };
    loop {
        let failure = match timeout_at(deadline, attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(failure)) => failure,
            Err(_) => return Err(last),
        };
        let pause = backoff.wait(failure.come_back_after());
        if !matches!(failure.verdict, Verdict::Moment(_)) || Instant::now() + pause >= deadline {
            return Err(failure.error);
        }
        last = failure.error;
        sleep(pause).await;
    }
}

/// Waits that double up to a bound, each shortened at random by up to a half, so that many publishers that lost
/// the same Redis do not come back in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    tries: u32,
    longest: Duration,
}

/// The first wait: a broken connection is usually good again at once.
const SHORTEST: Duration = Duration::from_millis(20);

impl Backoff {
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { tries: 0, longest }
    }

    /// How long to wait now; never less than the bus asked for.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let full = SHORTEST.saturating_mul(1 << self.tries.min(16)).min(self.longest);
        self.tries = self.tries.saturating_add(1);
        let jittered = full.mul_f64(fastrand::f64().mul_add(0.5, 0.5));
        asked.map_or(jittered, |asked| asked.saturating_add(jittered).min(self.longest.max(asked)))
    }

    /// The last try went well.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_again() {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        let waits: Vec<_> = (0..40).map(|_| backoff.wait(None)).collect();
        assert!(waits[0] >= SHORTEST / 2 && waits[0] <= SHORTEST, "{waits:?}");
        assert!(waits[39] >= Duration::from_millis(500) && waits[39] <= Duration::from_secs(1), "{waits:?}");
        backoff.reset();
        assert!(backoff.wait(None) <= SHORTEST);
    }

    #[test]
    fn what_the_bus_asked_for_is_kept_to() {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        let asked = Duration::from_secs(3);
        assert_eq!(backoff.wait(Some(asked)), asked);
    }
}
