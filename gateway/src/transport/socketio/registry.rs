//! Where requests find the connections that they are a part of: polls, and the way up to a WebSocket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::polling::Polling;

/// The polling connections of this node, by their secret ids.
#[derive(Clone, Default)]
pub struct PollingRegistry(Arc<Mutex<HashMap<Sid, Arc<Polling>>>>);

/// Whoever knows it is the client: nobody may guess it.
pub(super) type Sid = Box<str>;

/// A connection's entry; dropping it takes it out, and ends the requests that wait.
pub(super) struct Registration {
    registry: PollingRegistry,
    sid: Sid,
    polling: Arc<Polling>,
}

impl PollingRegistry {
    /// A new connection. None if the system has no randomness to give.
    pub(super) fn register(&self) -> Option<Registration> {
        let sid = new_sid()?;
        let polling = Arc::new(Polling::default());
        self.lock().insert(sid.clone(), Arc::clone(&polling));
        Some(Registration { registry: self.clone(), sid, polling })
    }

    /// One that has not ended.
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

/// A new secret id.
pub(super) fn new_sid() -> Option<Sid> {
    let mut bytes = [0; 15];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes).into())
}
