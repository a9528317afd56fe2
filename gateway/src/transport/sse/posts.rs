//! Where requests find the streams that they are for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wirebell_protocol::{Channel, ConnectionId};

use super::super::mailbox::Mailbox;

/// The streams of this node, by their connections.
#[derive(Clone, Default)]
pub struct Posts(Arc<Mutex<HashMap<ConnectionId, Post>>>);

struct Post {
    user: Channel,
    mailbox: Arc<Mailbox>,
}

/// A stream's entry; dropping it takes it out.
pub(super) struct Entry {
    posts: Posts,
    connection: ConnectionId,
}

impl Posts {
    pub(super) fn enter(&self, connection: ConnectionId, user: Channel, mailbox: Arc<Mailbox>) -> Entry {
        self.lock().insert(connection, Post { user, mailbox });
        Entry { posts: self.clone(), connection }
    }

    /// The mailbox of a user's own stream.
    pub(super) fn find(&self, connection: ConnectionId, user: &Channel) -> Option<Arc<Mailbox>> {
        let posts = self.lock();
        posts.get(&connection).filter(|post| post.user == *user).map(|post| Arc::clone(&post.mailbox))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Post>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.posts.lock().remove(&self.connection);
    }
}
