//! A backend as one writes it beside Wirebell, only that it moves no money: it takes a payment, works for some
//! seconds, and publishes each step to the user.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use ulid::Ulid;
use wirebell_protocol::{Channel, Event};
use wirebell_publisher::Publisher;

use super::ledger::{Ledger, Progress, Published, Step};

/// How many payments are worked on at once: more than anybody watches, and few enough to be no load.
const AT_ONCE: usize = 32;

/// The simulated backend.
pub(super) struct Backend {
    publisher: Publisher,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
    ledger: Ledger,
}

/// One payment that is being worked on.
struct Payment {
    id: String,
    channel: Channel,
    amount: String,
    begun: Instant,
    progress: watch::Sender<Progress>,
    /// Gives its place back when the payment is dropped, however it ends.
    _place: OwnedSemaphorePermit,
}

/// What the user is told.
#[derive(Serialize)]
struct PaymentStatus<'a> {
    payment: &'a str,
    status: &'a str,
    amount: &'a str,
    currency: &'a str,
}

impl Backend {
    pub(super) fn new(publisher: Publisher, tasks: TaskTracker) -> Self {
        Self { publisher, tasks, room: Arc::new(Semaphore::new(AT_ONCE)), ledger: Ledger::default() }
    }

    /// Takes a payment and answers with its id at once; none if there is too much to do already.
    pub(super) fn take(&self, channel: Channel, amount: String) -> Option<String> {
        let place = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let id = format!("pay_{}", Ulid::generate());
        let progress = self.ledger.open(id.clone());
        let payment = Payment { id: id.clone(), channel, amount, begun: Instant::now(), progress, _place: place };
        self.tasks.spawn(payment.work(self.publisher.clone()));
        Some(id)
    }

    /// That payment's progress.
    pub(super) fn watch(&self, payment: &str) -> Option<watch::Receiver<Progress>> {
        self.ledger.watch(payment)
    }
}

impl Payment {
    async fn work(self, publisher: Publisher) {
        for (status, after) in plan(&self.amount) {
            tokio::time::sleep_until(self.begun + Duration::from_millis(after)).await;
            let after = millis(self.begun.elapsed());
            let answer = self.tell(&publisher, status).await;
            self.progress.send_modify(|progress| progress.steps.push(Step { status, after, published: answer }));
        }
        self.progress.send_modify(|progress| progress.done = true);
    }

    async fn tell(&self, publisher: &Publisher, status: &'static str) -> Published {
        let asked = Instant::now();
        let event = match self.event(status) {
            Ok(event) => event,
            Err(error) => return Published::Problem(error.to_string()),
        };
        match publisher.publish(event).await {
            Ok(outcome) => Published::Told {
                cursor: outcome.cursor(),
                nodes: outcome.nodes(),
                id: outcome.id,
                millis: millis(asked.elapsed()),
            },
            Err(error) => Published::Problem(error.to_string()),
        }
    }

    fn event(&self, status: &str) -> Result<Event, wirebell_protocol::EventError> {
        let data = PaymentStatus { payment: &self.id, status, amount: &self.amount, currency: "EUR" };
        Event::new(self.channel.as_str(), "payment-status", &data)?.source("payments")
    }
}

/// Which status comes when, in milliseconds after the request.
fn plan(amount: &str) -> [(&'static str, u64); 3] {
    let end = if amount.ends_with(".13") { "declined" } else { "paid" };
    [("received", 0), ("authorising", 1000), (end, 3000)]
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::plan;

    #[test]
    fn what_ends_in_thirteen_is_declined() {
        assert_eq!(plan("20.13")[2].0, "declined");
        assert_eq!(plan("13.00")[2].0, "paid");
    }
}
