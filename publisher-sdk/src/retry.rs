//! Retries and backoff.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::PublishError;
use crate::failure::{Failure, FailureKind};

/// Retries an idempotent operation until it succeeds, fails permanently, or the timeout passes.
pub(crate) async fn retry_until<T, F>(timeout: Duration, attempt: impl Fn() -> F) -> Result<T, PublishError>
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
        let pause = backoff.wait(failure.retry_after());
        if !matches!(failure.kind, FailureKind::Transient(_)) || Instant::now() + pause >= deadline {
            return Err(failure.error);
        }
        last = failure.error;
        sleep(pause).await;
    }
}

/// Exponential backoff up to a bound. Jitter shortens each pause by up to a half, so that
/// publishers that lost the same Redis do not retry in step.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    attempts: u32,
    longest: Duration,
}

/// The first pause. Short, since a broken connection usually works again at once.
const SHORTEST: Duration = Duration::from_millis(20);

impl Backoff {
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { attempts: 0, longest }
    }

    /// Returns the next pause; never less than the bus requested.
    pub(crate) fn wait(&mut self, requested: Option<Duration>) -> Duration {
        let full = SHORTEST.saturating_mul(1 << self.attempts.min(16)).min(self.longest);
        self.attempts = self.attempts.saturating_add(1);
        let jittered = full.mul_f64(fastrand::f64().mul_add(0.5, 0.5));
        requested.map_or(jittered, |requested| requested.saturating_add(jittered).min(self.longest.max(requested)))
    }

    /// Resets the backoff after a success.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_reset() {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        let waits: Vec<_> = (0..40).map(|_| backoff.wait(None)).collect();
        assert!(waits[0] >= SHORTEST / 2 && waits[0] <= SHORTEST, "{waits:?}");
        assert!(waits[39] >= Duration::from_millis(500) && waits[39] <= Duration::from_secs(1), "{waits:?}");
        backoff.reset();
        assert!(backoff.wait(None) <= SHORTEST);
    }

    #[test]
    fn pause_requested_by_the_bus_is_respected() {
        let mut backoff = Backoff::up_to(Duration::from_secs(1));
        let requested = Duration::from_secs(3);
        assert_eq!(backoff.wait(Some(requested)), requested);
    }
}
