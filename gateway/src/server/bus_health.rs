//! Turns the health of the bus into the node's readiness.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::build::Node;
use super::peers::{PeerReport, Peers};
use super::readiness::{BusReadiness, ReadinessPolicy};
use crate::bus::Health;
use crate::lifecycle::{Lifecycle, Readiness, next_tick};

/// The reason of a node that is not ready or degraded because of its bus.
const BUS: &str = "bus";
/// How often other nodes are queried during a failure, and how often readiness is evaluated.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Adds the node to the roster with this address, and updates its readiness until the process ends.
pub(super) fn watch(node: &Node, reachable_at: SocketAddr, life: &Lifecycle) {
    let health = node.bus.health();
    let readiness = life.readiness.clone();
    let others = node.roster.clone().map(|roster| roster.start(reachable_at, life));
    let peers = others.and_then(|others| match Peers::new(others) {
        Ok(peers) => Some(peers),
        Err(error) => {
            tracing::warn!(%error, "cannot query other nodes for the state of their bus");
            None
        }
    });
    // Evaluate at once: no probe may find a node ready before its first evaluation.
    let mut policy = ReadinessPolicy::default();
    apply(&readiness, policy.evaluate(Instant::now(), &health.borrow(), PeerReport::default()));
    life.spawn(follow(policy, health, peers, readiness));
}

/// Evaluates the readiness at every change of health, and once per interval.
async fn follow(
    mut policy: ReadinessPolicy,
    mut health: watch::Receiver<Health>,
    peers: Option<Peers>,
    readiness: Readiness,
) {
    let mut next_check = Instant::now();
    let mut report = PeerReport::default();
    loop {
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            () = sleep_until(next_check.into()) => {
                report = query(peers.as_ref(), &health).await;
                next_check = next_tick(CHECK_INTERVAL).into();
            }
        }
        let now = health.borrow_and_update().clone();
        if now == Health::Up {
            // A report from before the next loss says nothing about it.
            report = PeerReport::default();
        }
        apply(&readiness, policy.evaluate(Instant::now(), &now, report));
    }
}

async fn query(peers: Option<&Peers>, health: &watch::Receiver<Health>) -> PeerReport {
    let bus_is_down = *health.borrow() != Health::Up;
    match peers {
        Some(peers) if bus_is_down => peers.query().await,
        _ => PeerReport::default(),
    }
}

fn apply(readiness: &Readiness, readiness_state: BusReadiness) {
    match readiness_state {
        BusReadiness::Ready => readiness.clear(BUS),
        BusReadiness::Degraded(why) => readiness.set_degraded(BUS, why),
        BusReadiness::Unready(why) => readiness.set_not_ready(BUS, why),
    }
}
