//! The bus' health as a reason not to be ready, or not to be whole.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::build::Node;
use super::peers::{Answers, Peers};
use super::standing::{Standing, Watcher};
use crate::bus::Health;
use crate::lifecycle::{Lifecycle, Readiness, next_turn};

/// Why a node is not ready that lacks its bus.
const BUS: &str = "bus";
/// How often others are asked while it does, and how often it is judged anew.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Enters the node among those that live, reachable at this address, and tells how it stands for as long as the
/// process lives.
pub(super) fn readiness(node: &Node, reachable_at: SocketAddr, life: &Lifecycle) {
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
    let mut watcher = Watcher::default();
    apply(&readiness, watcher.judge(Instant::now(), &health.borrow(), Answers::default()));
    life.spawn(follow(watcher, health, peers, readiness));
}

async fn follow(
    mut watcher: Watcher,
    mut health: watch::Receiver<Health>,
    peers: Option<Peers>,
    readiness: Readiness,
) {
    let mut look = Instant::now();
    let mut answers = Answers::default();
    loop {
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            () = sleep_until(look.into()) => {
                answers = ask(peers.as_ref(), &health).await;
                look = next_turn(LOOK_EVERY).into();
            }
        }
        let now = health.borrow_and_update().clone();
        if now == Health::Up {
            // What was said before the next loss says nothing about it.
            answers = Answers::default();
        }
        apply(&readiness, watcher.judge(Instant::now(), &now, answers));
    }
}

async fn ask(peers: Option<&Peers>, health: &watch::Receiver<Health>) -> Answers {
    let in_trouble = *health.borrow() != Health::Up;
    match peers {
        Some(peers) if in_trouble => peers.ask().await,
        _ => Answers::default(),
    }
}

fn apply(readiness: &Readiness, standing: Standing) {
    match standing {
        Standing::Ready => readiness.release(BUS),
        Standing::Degraded(why) => readiness.degrade(BUS, why),
        Standing::Unready(why) => readiness.hold(BUS, why),
    }
}
