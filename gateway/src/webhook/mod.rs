//! The webhook: what clients emit goes to a backend over HTTP, for those that want no Redis. It is a service on the inbox
//! like any other, by the name of `webhook`, and all nodes are its workers: one of them tries an event at a time.

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
pub use self::delivery::NoClient;
use self::source::Claim;
pub use self::source::{Plan, SERVICE, Source};
use crate::config;
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// How long what is in hand may take when the node is being stopped.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// What every request of a node shares.
struct Webhook {
    delivery: Delivery,
    types: Vec<Pattern>,
    concurrency: usize,
    metrics: Arc<Metrics>,
}

/// Sends what comes to the backend, until the node is being stopped. Only a client that cannot be made is an error.
pub fn start(
    url: &str,
    config: &config::Webhook,
    source: Source,
    life: &Lifecycle,
    metrics: &Arc<Metrics>,
) -> Result<(), NoClient> {
    let webhook = Webhook {
        delivery: Delivery::new(url, &config.keys(), config.timeout)?,
        types: config.types.iter().map(|pattern| Pattern::whole(pattern)).collect(),
        concurrency: config.concurrency,
        metrics: Arc::clone(metrics),
    };
    let drain = life.drain.clone();
    life.spawn(async move {
        tokio::select! {
            () = webhook.run(&source) => {}
            () = async {
                drain.cancelled().await;
                source.close(LAST_MOMENTS).await;
            } => {}
        }
    });
    Ok(())
}

impl Webhook {
    async fn run(&self, source: &Source) {
        let mut at_work = FuturesUnordered::new();
        let mut open = true;
        while open || !at_work.is_empty() {
            let has_room = open && at_work.len() < self.concurrency;
            tokio::select! {
                claim = source.next(), if has_room => match claim {
                    Some(claim) => at_work.push(self.attend(claim)),
                    None => open = false,
                },
                Some(()) = at_work.next(), if !at_work.is_empty() => {}
            }
        }
    }

    async fn attend(&self, claim: Claim) {
        let event = claim.event();
        if !self.types.iter().any(|pattern| pattern.matches(&event.kind)) {
            self.count("passed_over");
            return claim.pass_over().await;
        }
        let begun = Instant::now();
        let answer = self.delivery.send(&event).await;
        self.metrics.webhook_request.observe(begun.elapsed().as_secs_f64());
        match answer {
            Ok(answer) => {
                self.count("delivered");
                claim.done(answer).await;
            }
            Err(reason) => {
                self.count("failed");
                tracing::warn!(id = event.id, tries = claim.tries(), reason, "the webhook did not take an event");
                claim.failed(&reason).await;
            }
        }
    }

    fn count(&self, outcome: &str) {
        self.metrics.webhook_tries.with_label_values(&[outcome]).inc();
    }
}
