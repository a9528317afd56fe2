//! The bus' health as a reason not to be ready, or not to be whole.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::build::Node;
use super::peers::{PeerReport, Peers};
use super::readiness::{BusReadiness, ReadinessPolicy};
use crate::bus::Health;
use crate::lifecycle::{Lifecycle, Readiness, next_turn};

/// Why a node is not ready that lacks its bus.
const BUS: &str = "bus";
/// How often others are asked while it does, and how often it is judged anew.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Enters the node among those that live, reachable at this address, and tells how it stands for as long as the
/// process lives.
pub(super) fn watch(node: &Node, reachable_at: SocketAddr, life: &Lifecycle) {
    let health = node.bus.health();
    let readiness = life.readiness.clone();
    let others = node.roster.clone().map(|roster| roster.keep(reachable_at, life));
    let peers = others.and_then(|others| match Peers::new(others) {
        Ok(peers) => Some(peers),
        Err(error) => {
            tracing::warn!(%error, "other nodes cannot be asked for their bus");
            None
        }
    });
    // At once, so that no probe finds a node ready that has not looked yet.
    let mut policy = ReadinessPolicy::default();
    apply(&readiness, policy.evaluate(Instant::now(), &health.borrow(), PeerReport::default()));
    life.spawn(follow(policy, health, peers, readiness));
}

async fn follow(
    mut policy: ReadinessPolicy,
    mut health: watch::Receiver<Health>,
    peers: Option<Peers>,
    readiness: Readiness,
) {
    let mut look = Instant::now();
    let mut answers = PeerReport::default();
    loop {
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            () = sleep_until(look.into()) => {
                answers = ask(peers.as_ref(), &health).await;
                look = next_turn(CHECK_INTERVAL).into();
            }
        }
        let now = health.borrow_and_update().clone();
        if now == Health::Up {
            // What was said before the next loss says nothing about it.
            answers = PeerReport::default();
        }
        apply(&readiness, policy.evaluate(Instant::now(), &now, answers));
    }
}

async fn ask(peers: Option<&Peers>, health: &watch::Receiver<Health>) -> PeerReport {
    let in_trouble = *health.borrow() != Health::Up;
    match peers {
        Some(peers) if in_trouble => peers.ask().await,
        _ => PeerReport::default(),
    }
}

fn apply(readiness: &Readiness, readiness_state: BusReadiness) {
    match readiness_state {
        BusReadiness::Ready => readiness.release(BUS),
        BusReadiness::Degraded(why) => readiness.degrade(BUS, why),
        BusReadiness::Unready(why) => readiness.hold(BUS, why),
    }
}
