//! The webhook: sends client events to a backend over HTTP, for backends without Redis.
//!
//! Owns signing, attempts and concurrency. In: events from the inbox, as the consumer group
//! `webhook`, whose workers are all nodes; one node at a time attempts an event. Out: HTTP requests
//! to the backend, and its responses as replies. Must not know: sessions, and whether the inbox is
//! in Redis or in memory (except for `source`).

mod delivery;
mod request;
mod signature;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use wirebell_protocol::Pattern;

use self::delivery::Delivery;
pub use self::delivery::WebhookError;
use self::source::ClaimedEvent;
pub use self::source::{DeliveryLimits, SERVICE, Source};
use crate::config;
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// How long requests in flight may take during shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// What all requests of a node share.
struct Webhook {
    delivery: Delivery,
    types: Vec<Pattern>,
    concurrency: usize,
    metrics: Arc<Metrics>,
}

/// Starts to send events to the backend, until the node drains. Fails only if the HTTP client
/// cannot be created.
pub fn start(
    url: &str,
    config: &config::Webhook,
    source: Source,
    life: &Lifecycle,
    metrics: &Arc<Metrics>,
) -> Result<(), WebhookError> {
    let webhook = Webhook {
        delivery: Delivery::new(url, &config.keys(), config.timeout)?,
        types: config.types.iter().map(|pattern| Pattern::new(pattern)).collect(),
        concurrency: config.concurrency,
        metrics: Arc::clone(metrics),
    };
    let drain = life.drain.clone();
    life.spawn(async move {
        tokio::select! {
            () = webhook.run(&source) => {}
            () = async {
                drain.cancelled().await;
                source.close(SHUTDOWN_TIMEOUT).await;
            } => {}
        }
    });
    Ok(())
}

impl Webhook {
    /// Handles events, several at a time, until the source is closed and the last one is handled.
    async fn run(&self, source: &Source) {
        let mut in_flight = FuturesUnordered::new();
        let mut open = true;
        while open || !in_flight.is_empty() {
            let has_room = open && in_flight.len() < self.concurrency;
            tokio::select! {
                claim = source.next(), if has_room => match claim {
                    Some(claim) => in_flight.push(self.handle(claim)),
                    None => open = false,
                },
                Some(()) = in_flight.next(), if !in_flight.is_empty() => {}
            }
        }
    }

    /// Sends one event, and reports the result to the inbox.
    async fn handle(&self, claim: ClaimedEvent) {
        let event = claim.event();
        if !self.types.iter().any(|pattern| pattern.matches(&event.kind)) {
            self.count("passed_over");
            return claim.skip().await;
        }
        let started = Instant::now();
        let response = self.delivery.send(&event).await;
        self.metrics.webhook_request.observe(started.elapsed().as_secs_f64());
        match response {
            Ok(response) => {
                self.count("delivered");
                claim.done(response).await;
            }
            Err(reason) => {
                self.count("failed");
                tracing::warn!(id = event.id, attempts = claim.attempts(), reason, "webhook request failed");
                claim.failed(&reason).await;
            }
        }
    }

    fn count(&self, outcome: &str) {
        self.metrics.webhook_tries.with_label_values(&[outcome]).inc();
    }
}
