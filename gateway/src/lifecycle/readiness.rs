//! Readiness as a latch: whoever has a reason holds it, and lets go of it by its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a node is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A fixed word.
    pub reason: &'static str,
    /// What exactly, for the operator.
    pub detail: String,
}

/// The reasons held at the moment. Without any, the node is ready.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    held: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// From now on there is this reason. Its detail may change while it is held.
    pub fn hold(&self, reason: &'static str, detail: impl Into<String>) {
        self.lock().insert(reason, detail.into());
    }

    /// The reason is gone.
    pub fn release(&self, reason: &'static str) {
        self.lock().remove(reason);
    }

    /// All reasons, in the order of their names.
    pub fn reasons(&self) -> Vec<Reason> {
        self.lock().iter().map(|(reason, detail)| Reason { reason, detail: detail.clone() }).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
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
}
