//! Health: a probe every second, and whether the subscriptions stand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::{BusError, Health};
use super::commands::Commands;
use super::subscriber::LinkState;
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Probes for as long as the process lives, and at once when the subscriptions' link changes.
pub(super) async fn run(
    commands: Arc<Commands>,
    mut link: watch::Receiver<LinkState>,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
) {
    let mut heard = Instant::now();
    loop {
        let asked = Instant::now();
        let now = tokio::select! {
            answer = commands.ping() => {
                if answer.is_ok() {
                    heard = Instant::now();
                    metrics.bus_round_trip.observe(asked.elapsed().as_secs_f64());
                }
                judge(answer, &link.borrow_and_update())
            }
            // A lost link is known before a probe that nobody answers has run out of time. Whether the bus still
            // answers is not known yet.
            _ = link.changed() => match &*link.borrow_and_update() {
                LinkState::Up => continue,
                LinkState::Down(why) => Health::Down(why.clone()),
            },
        };
        metrics.bus_silence.set(heard.elapsed().as_secs_f64());
        metrics.bus_up.set(i64::from(now == Health::Up));
        tell(&health, now);
        let _ = tokio::time::timeout_at(next_tick(PROBE_EVERY), link.changed()).await;
    }
}

fn judge(answer: Result<(), BusError>, link: &LinkState) -> Health {
    match (answer, link) {
        (Err(error), _) => Health::Down(error.to_string()),
        (Ok(()), LinkState::Down(why)) => Health::Deaf(format!("the subscriptions are down: {why}")),
        (Ok(()), LinkState::Up) => Health::Up,
    }
}

fn tell(health: &watch::Sender<Health>, now: Health) {
    health.send_if_modified(|before| {
        let turned = matches!(before, Health::Up) != matches!(now, Health::Up);
        match &now {
            Health::Up if turned => tracing::info!("the bus is up"),
            Health::Down(why) | Health::Deaf(why) if turned => tracing::warn!(why, "the bus is down"),
            _ => {}
        }
        let differs = *before != now;
        *before = now;
        differs
    });
}
