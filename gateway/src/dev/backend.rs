//! A simulated backend. It accepts a payment, works for some seconds, and publishes each step to
//! the user. It moves no money.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use ulid::Ulid;
use wirebell_protocol::{Channel, Event};
use wirebell_publisher::Publisher;

use super::payments::{Payments, Progress, Published, Step};

/// Maximum number of concurrent payments: more than a person watches, and few enough to cause no
/// load.
const MAX_CONCURRENT: usize = 32;

/// The simulated backend.
pub(super) struct Backend {
    publisher: Publisher,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
    payments: Payments,
}

/// One payment in progress.
struct Payment {
    id: String,
    channel: Channel,
    amount: String,
    begun: Instant,
    progress: watch::Sender<Progress>,
    /// Released when the payment is dropped.
    _slot: OwnedSemaphorePermit,
}

/// The data of the published event.
#[derive(Serialize)]
struct PaymentStatus<'a> {
    payment: &'a str,
    status: &'a str,
    amount: &'a str,
    currency: &'a str,
}

impl Backend {
    pub(super) fn new(publisher: Publisher, tasks: TaskTracker) -> Self {
        Self { publisher, tasks, slots: Arc::new(Semaphore::new(MAX_CONCURRENT)), payments: Payments::default() }
    }

    /// Accepts a payment and returns its id at once. Returns `None` if too many payments are in
    /// progress.
    pub(super) fn accept(&self, channel: Channel, amount: String) -> Option<String> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        let id = format!("pay_{}", Ulid::generate());
        let progress = self.payments.open(id.clone());
        let payment = Payment { id: id.clone(), channel, amount, begun: Instant::now(), progress, _slot: slot };
        self.tasks.spawn(payment.work(self.publisher.clone()));
        Some(id)
    }

    /// Returns the payment's progress.
    pub(super) fn watch(&self, payment: &str) -> Option<watch::Receiver<Progress>> {
        self.payments.watch(payment)
    }
}

impl Payment {
    async fn work(self, publisher: Publisher) {
        for (status, after) in schedule(&self.amount) {
            tokio::time::sleep_until(self.begun + Duration::from_millis(after)).await;
            let after = millis(self.begun.elapsed());
            let step = Step { status, after, published: self.publish(&publisher, status).await };
            self.progress.send_modify(|progress| progress.steps.push(step));
        }
        self.progress.send_modify(|progress| progress.done = true);
    }

    async fn publish(&self, publisher: &Publisher, status: &'static str) -> Published {
        let started = Instant::now();
        let event = match self.event(status) {
            Ok(event) => event,
            Err(error) => return Published::Problem(error.to_string()),
        };
        match publisher.publish(event).await {
            Ok(outcome) => Published::Accepted {
                cursor: outcome.cursor(),
                nodes: outcome.nodes(),
                id: outcome.id,
                millis: millis(started.elapsed()),
            },
            Err(error) => Published::Problem(error.to_string()),
        }
    }

    fn event(&self, status: &str) -> Result<Event, wirebell_protocol::EventError> {
        let data = PaymentStatus { payment: &self.id, status, amount: &self.amount, currency: "EUR" };
        Event::new(self.channel.as_str(), "payment-status", &data)?.source("payments")
    }
}

/// Returns each status with its time, in milliseconds after the request.
fn schedule(amount: &str) -> [(&'static str, u64); 3] {
    let end = if amount.ends_with(".13") { "declined" } else { "paid" };
    [("received", 0), ("authorising", 1000), (end, 3000)]
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::schedule;

    #[test]
    fn amounts_that_end_in_13_are_declined() {
        assert_eq!(schedule("20.13")[2].0, "declined");
        assert_eq!(schedule("13.00")[2].0, "paid");
    }
}
