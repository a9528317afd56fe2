//! The consumer of the embedded bus' inbox: takes one event at a time per user, and retries it with
//! backoff.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wirebell_protocol::ErrorCode;
use wirebell_protocol::inbox::{Answer, Entry};

use super::shared::{Shared, micros};

/// How often an event is attempted, and how long the consumer waits in between.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in total.
    pub max_attempts: u32,
    /// The delay before the second attempt, and the maximum delay before any attempt.
    pub backoff: (Duration, Duration),
}

/// Reads the inbox.
pub struct InboxConsumer {
    shared: Arc<Shared>,
    policy: RetryPolicy,
}

/// An event that the consumer processes. Dropping it without a result skips the event: this bus
/// ends with its process anyway.
pub struct InFlightEvent {
    shared: Arc<Shared>,
    policy: RetryPolicy,
    entry: Entry,
    attempt: u32,
}

impl InboxConsumer {
    pub(super) fn open(shared: Arc<Shared>, policy: RetryPolicy) -> Self {
        shared.lock().inbox.add_consumer();
        Self { shared, policy }
    }

    /// Waits for the next event, and returns it.
    pub async fn next(&self) -> InFlightEvent {
        loop {
            let taken = self.shared.lock().inbox.take(Instant::now(), micros() / 1000);
            match taken {
                Ok((entry, attempt)) => {
                    return InFlightEvent { shared: Arc::clone(&self.shared), policy: self.policy, entry, attempt };
                }
                Err(None) => self.shared.inbox_changed.notified().await,
                Err(Some(at)) => {
                    tokio::select! {
                        () = self.shared.inbox_changed.notified() => {}
                        () = sleep_until(at) => {}
                    }
                }
            }
        }
    }
}

impl InFlightEvent {
    /// Returns the event.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the number of this attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Skips the event, because it is not for this consumer. The emitter gets no reply.
    pub fn skip(self) {}

    /// Finishes the event, and sends the answer to the emitter.
    pub fn done(self, answer: &Answer) {
        let reply_to = self.shared.lock().inbox.finish(&self.entry, answer);
        if let Some((connection, reference)) = reply_to {
            self.shared.reply(answer.to(connection, &reference));
        }
    }

    /// Schedules another attempt. After the last attempt, the emitter gets an error instead.
    pub fn failed(self) {
        if self.attempt >= self.policy.max_attempts {
            tracing::error!(
                id = self.entry.id,
                attempts = self.attempt,
                "a client event failed on its last attempt and is dropped"
            );
            return self.done(&Answer::Error(ErrorCode::ServiceFailed));
        }
        let (first, longest) = self.policy.backoff;
        let doubled = first.saturating_mul(1 << (self.attempt - 1).min(16)).min(longest);
        let delay = doubled.mul_f64(fastrand::f64().mul_add(0.2, 0.9));
        self.shared.lock().inbox.retry(self.entry.clone(), self.attempt, Instant::now() + delay);
    }
}

impl Drop for InFlightEvent {
    fn drop(&mut self) {
        self.shared.lock().inbox.release_user(&self.entry.user);
        self.shared.inbox_changed.notify_one();
    }
}
