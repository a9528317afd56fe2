//! Finds the stream that a request belongs to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wirebell_protocol::{Channel, ConnectionId};

use super::super::frame_queue::FrameQueue;

/// This node's streams, by connection.
#[derive(Clone, Default)]
pub struct StreamRegistry(Arc<Mutex<HashMap<ConnectionId, StreamEntry>>>);

struct StreamEntry {
    user: Channel,
    frame_queue: Arc<FrameQueue>,
}

/// A stream's registration. Dropping it removes the stream.
pub(super) struct Registration {
    streams: StreamRegistry,
    connection: ConnectionId,
}

impl StreamRegistry {
    pub(super) fn register(
        &self,
        connection: ConnectionId,
        user: Channel,
        frame_queue: Arc<FrameQueue>,
    ) -> Registration {
        self.lock().insert(connection, StreamEntry { user, frame_queue });
        Registration { streams: self.clone(), connection }
    }

    /// Returns the frame queue of a stream that belongs to the user.
    pub(super) fn find(&self, connection: ConnectionId, user: &Channel) -> Option<Arc<FrameQueue>> {
        let streams = self.lock();
        streams.get(&connection).filter(|entry| entry.user == *user).map(|entry| Arc::clone(&entry.frame_queue))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, StreamEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.connection);
    }
}
