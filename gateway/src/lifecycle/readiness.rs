//! Readiness as a latch: whoever has a reason holds it, and lets go of it by its name. A reason either keeps clients
//! away, or only says what is wrong: where every node has the same trouble, taking them all out would help nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a node is not ready, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A fixed word.
    pub reason: &'static str,
    /// What exactly, for the operator.
    pub detail: String,
}

/// The reasons held at the moment. The node is ready unless one of them says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    held: Arc<Mutex<BTreeMap<&'static str, Held>>>,
}

#[derive(Debug)]
struct Held {
    weight: Weight,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// The node must not be sent clients.
    Unready,
    /// It may be, though something is wrong.
    Degraded,
}

impl Readiness {
    /// From now on the node is not ready for this reason. Its detail may change while it is held.
    pub fn hold(&self, reason: &'static str, detail: impl Into<String>) {
        self.set(reason, Weight::Unready, detail.into());
    }

    /// From now on this reason makes the node worse, but keeps nobody away.
    pub fn degrade(&self, reason: &'static str, detail: impl Into<String>) {
        self.set(reason, Weight::Degraded, detail.into());
    }

    /// The reason is gone.
    pub fn release(&self, reason: &'static str) {
        self.lock().remove(reason);
    }

    /// Why the node is not ready, in the order of the names.
    pub fn reasons(&self) -> Vec<Reason> {
        self.list(Weight::Unready)
    }

    /// What is wrong though the node is ready, in the same order.
    pub fn degraded(&self) -> Vec<Reason> {
        self.list(Weight::Degraded)
    }

    fn set(&self, reason: &'static str, weight: Weight, detail: String) {
        self.lock().insert(reason, Held { weight, detail });
    }

    fn list(&self, weight: Weight) -> Vec<Reason> {
        let held = self.lock();
        let fitting = held.iter().filter(|(_, held)| held.weight == weight);
        fitting.map(|(reason, held)| Reason { reason, detail: held.detail.clone() }).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_nobody_holds_a_reason() {
        let readiness = Readiness::default();
        readiness.hold("bus", "refused");
        readiness.hold("draining", "");
        readiness.hold("bus", "timed out");
        readiness.release("draining");
        assert_eq!(readiness.reasons(), [Reason { reason: "bus", detail: "timed out".to_owned() }]);
        readiness.release("bus");
        assert_eq!(readiness.reasons(), []);
    }

    #[test]
    fn a_reason_weighs_one_way_at_a_time() {
        let readiness = Readiness::default();
        readiness.degrade("bus", "refused");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (0, 1));
        readiness.hold("bus", "refused");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (1, 0));
        readiness.degrade("bus", "refused");
        readiness.release("bus");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (0, 0));
    }
}
