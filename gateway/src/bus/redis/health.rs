//! The health of the bus: a probe every second, and the state of the subscriptions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::commands::Commands;
use super::subscriber::SubscriptionState;
use crate::bus::{BusError, Health};
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Probes for as long as the process runs, and at once when the state of the subscriptions
/// changes.
pub(super) async fn run(
    commands: Arc<Commands>,
    mut subscriptions: watch::Receiver<SubscriptionState>,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
) {
    let mut last_answer = Instant::now();
    loop {
        let sent_at = Instant::now();
        let now = tokio::select! {
            answer = commands.ping() => {
                if answer.is_ok() {
                    last_answer = Instant::now();
                    metrics.bus_round_trip.observe(sent_at.elapsed().as_secs_f64());
                }
                combine(answer, &subscriptions.borrow_and_update())
            }
            // A lost link is noticed before a probe without an answer times out. Whether Redis
            // still answers is unknown at this point.
            _ = subscriptions.changed() => match &*subscriptions.borrow_and_update() {
                SubscriptionState::Up => continue,
                SubscriptionState::Down(why) => Health::Down(why.clone()),
            },
        };
        metrics.bus_silence.set(last_answer.elapsed().as_secs_f64());
        metrics.bus_up.set(i64::from(now == Health::Up));
        publish(&health, now);
        let _ = tokio::time::timeout_at(next_tick(PROBE_INTERVAL), subscriptions.changed()).await;
    }
}

fn combine(answer: Result<(), BusError>, subscriptions: &SubscriptionState) -> Health {
    match (answer, subscriptions) {
        (Err(error), _) => Health::Down(error.to_string()),
        (Ok(()), SubscriptionState::Down(why)) => Health::Deaf(format!("the subscriptions are down: {why}")),
        (Ok(()), SubscriptionState::Up) => Health::Up,
    }
}

/// Publishes the health, and logs a change between up and not up.
fn publish(health: &watch::Sender<Health>, now: Health) {
    health.send_if_modified(|before| {
        let changed = matches!(before, Health::Up) != matches!(now, Health::Up);
        match &now {
            Health::Up if changed => tracing::info!("the bus is up"),
            Health::Down(why) | Health::Deaf(why) if changed => tracing::warn!(why, "the bus is down"),
            _ => {}
        }
        let differs = *before != now;
        *before = now;
        differs
    });
}
