//! The source of the webhook's events: the inbox in Redis, shared with other nodes, or this
//! process' inbox.

use std::time::Duration;

use serde_json::value::RawValue;
use wirebell_protocol::ConnectionId;
use wirebell_protocol::inbox::Answer;
use wirebell_publisher::{Inbox, InboxBuilder, InboxClaim};

use crate::bus::memory;

/// The webhook's consumer group.
pub const SERVICE: &str = "webhook";
/// The delay before the second attempt, and the maximum delay.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The delay before another connection attempt.
const CONNECT_RETRY_DELAY: Duration = Duration::from_secs(5);

/// How many attempts an event gets, and how many events are in flight.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryLimits {
    /// Maximum attempts for an event.
    pub attempts: u32,
    /// Maximum events in flight.
    pub concurrency: usize,
}

/// The inbox that events come from.
pub enum Source {
    /// The inbox in Redis. Empty until connected.
    Redis(Box<InboxBuilder>, tokio::sync::OnceCell<Inbox>),
    /// The inbox in this process.
    Memory(memory::InboxConsumer),
}

/// An event claimed from the inbox, in flight to the backend.
pub(super) enum ClaimedEvent {
    Redis(InboxClaim),
    Memory(memory::InFlightEvent),
}

/// The parts of an event that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) user: String,
    pub(super) connection: Option<ConnectionId>,
    pub(super) device: Option<String>,
    pub(super) at: u64,
    pub(super) data: String,
    pub(super) traceparent: Option<String>,
}

impl Source {
    /// Creates the source for the inbox in the Redis at `url`.
    pub fn redis(url: &str, prefix: &str, limits: DeliveryLimits) -> Self {
        let builder =
            Inbox::builder(url, SERVICE).prefix(prefix).tries(limits.attempts).at_once(limits.concurrency);
        Self::Redis(Box::new(builder.backoff(BACKOFF.0, BACKOFF.1)), tokio::sync::OnceCell::new())
    }

    /// Creates the source for the embedded bus' inbox.
    pub fn memory(bus: &memory::MemoryBus, limits: DeliveryLimits) -> Self {
        Self::Memory(bus.consumer(memory::RetryPolicy { max_attempts: limits.attempts, backoff: BACKOFF }))
    }

    /// Returns the next event, or `None` once the source is closed.
    pub(super) async fn next(&self) -> Option<ClaimedEvent> {
        match self {
            Self::Redis(builder, inbox) => {
                inbox.get_or_init(|| connect(builder)).await.next().await.map(ClaimedEvent::Redis)
            }
            Self::Memory(service) => Some(ClaimedEvent::Memory(service.next().await)),
        }
    }

    /// Gives unattempted events back, and waits for those in flight.
    pub(super) async fn close(&self, timeout: Duration) {
        if let Self::Redis(_, inbox) = self
            && let Some(inbox) = inbox.get()
        {
            inbox.close(timeout).await;
        }
    }
}

/// Connects to the inbox. The inbox itself waits for an unreachable Redis; other errors may be
/// repaired, so they are retried.
async fn connect(builder: &InboxBuilder) -> Inbox {
    loop {
        match builder.clone().connect().await {
            Ok(inbox) => return inbox,
            Err(error) => tracing::error!(%error, "the webhook cannot read the inbox; retrying in 5 s"),
        }
        tokio::time::sleep(CONNECT_RETRY_DELAY).await;
    }
}

impl ClaimedEvent {
    pub(super) fn event(&self) -> Event {
        match self {
            Self::Redis(claim) => {
                let event = claim.event().clone();
                Event {
                    id: event.id,
                    kind: event.kind,
                    user: event.user,
                    connection: event.connection,
                    device: event.device,
                    at: event.at,
                    data: event.data,
                    traceparent: event.traceparent,
                }
            }
            Self::Memory(claim) => {
                let entry = claim.entry().clone();
                Event {
                    id: entry.id,
                    kind: entry.kind,
                    user: entry.user,
                    connection: entry.connection,
                    device: entry.device,
                    at: entry.at,
                    data: entry.data,
                    traceparent: entry.traceparent,
                }
            }
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        match self {
            Self::Redis(claim) => claim.tries,
            Self::Memory(claim) => claim.attempt(),
        }
    }

    /// Completes the event with the backend's response.
    pub(super) async fn done(self, response: Box<RawValue>) {
        match self {
            Self::Redis(claim) => log_error(claim.done(&response).await),
            Self::Memory(claim) => claim.done(&Answer::Reply(response.get().into())),
        }
    }

    /// Skips an event that is not for the backend.
    pub(super) async fn skip(self) {
        match self {
            Self::Redis(claim) => log_error(claim.pass_over().await),
            Self::Memory(claim) => claim.skip(),
        }
    }

    /// Notes a failed attempt.
    pub(super) async fn failed(self, reason: &str) {
        match self {
            Self::Redis(claim) => log_error(claim.failed(reason).await),
            Self::Memory(claim) => claim.failed(),
        }
    }
}

fn log_error<E: std::fmt::Display>(outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "cannot write the result of a webhook request to Redis; the event is sent again");
    }
}
