//! Finds the connection that a request belongs to: a poll, a post, or the upgrade to a WebSocket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::polling::Polling;

/// This node's polling connections, by secret id.
#[derive(Clone, Default)]
pub struct PollingRegistry(Arc<Mutex<HashMap<Sid, Arc<Polling>>>>);

/// The secret id of a connection. It authenticates the client's requests, so it must not be
/// guessable.
pub(super) type Sid = Box<str>;

/// A connection's registration. Dropping it removes the connection, and ends its waiting requests.
pub(super) struct Registration {
    registry: PollingRegistry,
    sid: Sid,
    polling: Arc<Polling>,
}

impl PollingRegistry {
    /// Registers a new connection. Returns `None` if the system has no randomness.
    pub(super) fn register(&self) -> Option<Registration> {
        let sid = new_sid()?;
        let polling = Arc::new(Polling::default());
        self.lock().insert(sid.clone(), Arc::clone(&polling));
        Some(Registration { registry: self.clone(), sid, polling })
    }

    /// Returns the connection with this id, unless it is closed.
    pub(super) fn find(&self, sid: &str) -> Option<Arc<Polling>> {
        self.lock().get(sid).filter(|polling| !polling.is_closed()).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Arc<Polling>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    pub(super) fn polling(&self) -> &Polling {
        &self.polling
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.sid);
        self.polling.close();
    }
}

/// Generates a secret id.
pub(super) fn new_sid() -> Option<Sid> {
    let mut bytes = [0; 15];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes).into())
}
