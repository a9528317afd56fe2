//! The bus' health as a reason not to be ready.

use super::build::Node;
use crate::bus::Health;
use crate::lifecycle::Lifecycle;

/// Why a node is not ready that cannot reach its bus.
const BUS: &str = "bus";

/// Holds and releases the reason for as long as the process lives.
pub(super) fn readiness(node: &Node, life: &Lifecycle) {
    let mut health = node.bus.health();
    let readiness = life.readiness.clone();
    let apply = move |health: &Health| match health {
        Health::Up => readiness.release(BUS),
        Health::Down(why) => readiness.hold(BUS, why.clone()),
    };
    apply(&health.borrow_and_update().clone());
    life.spawn(async move {
        while health.changed().await.is_ok() {
            let now = health.borrow_and_update().clone();
            apply(&now);
        }
    });
}
