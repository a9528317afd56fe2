//! Readiness as a latch: a component sets a reason by its name and clears it again. A reason either
//! makes the node not ready, or only degraded. If every node has the same problem, taking all of
//! them out of the load balancer would help no client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A reason why a node is not ready or degraded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A fixed name.
    pub reason: &'static str,
    /// Details for the operator.
    pub detail: String,
}

/// The active reasons. The node is ready unless one of them says that it is not.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    active: Arc<Mutex<BTreeMap<&'static str, ActiveReason>>>,
}

#[derive(Debug)]
struct ActiveReason {
    severity: Severity,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Clients must not be sent to the node.
    NotReady,
    /// Clients may be sent to the node, though something is wrong.
    Degraded,
}

impl Readiness {
    /// Makes the node not ready for this reason. Setting an active reason again changes its detail.
    pub fn set_not_ready(&self, reason: &'static str, detail: impl Into<String>) {
        self.set(reason, Severity::NotReady, detail.into());
    }

    /// Makes the node degraded for this reason. It stays ready.
    pub fn set_degraded(&self, reason: &'static str, detail: impl Into<String>) {
        self.set(reason, Severity::Degraded, detail.into());
    }

    /// Clears the reason.
    pub fn clear(&self, reason: &'static str) {
        self.lock().remove(reason);
    }

    /// Returns why the node is not ready, sorted by name.
    pub fn reasons(&self) -> Vec<Reason> {
        self.list(Severity::NotReady)
    }

    /// Returns why the node is degraded, sorted by name.
    pub fn degraded(&self) -> Vec<Reason> {
        self.list(Severity::Degraded)
    }

    fn set(&self, reason: &'static str, severity: Severity, detail: String) {
        self.lock().insert(reason, ActiveReason { severity, detail });
    }

    fn list(&self, severity: Severity) -> Vec<Reason> {
        let active = self.lock();
        let fitting = active.iter().filter(|(_, active)| active.severity == severity);
        fitting.map(|(reason, active)| Reason { reason, detail: active.detail.clone() }).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, ActiveReason>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_ready_without_an_active_reason() {
        let readiness = Readiness::default();
        readiness.set_not_ready("bus", "refused");
        readiness.set_not_ready("draining", "");
        readiness.set_not_ready("bus", "timed out");
        readiness.clear("draining");
        assert_eq!(readiness.reasons(), [Reason { reason: "bus", detail: "timed out".to_owned() }]);
        readiness.clear("bus");
        assert_eq!(readiness.reasons(), []);
    }

    #[test]
    fn reason_has_one_severity_at_a_time() {
        let readiness = Readiness::default();
        readiness.set_degraded("bus", "refused");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (0, 1));
        readiness.set_not_ready("bus", "refused");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (1, 0));
        readiness.set_degraded("bus", "refused");
        readiness.clear("bus");
        assert_eq!((readiness.reasons().len(), readiness.degraded().len()), (0, 0));
    }
}
