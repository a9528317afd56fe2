//! A seat: one session's place in the hub. Dropping it is the whole clean-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wirebell_protocol::{Channel, ConnectionId};

use super::Hub;
use super::outbox::{Next, Outbox};
use crate::lifecycle::uptime_millis;

/// Connections of this process so far; their numbers are never used twice.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The bus did not confirm the subscription in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus did not confirm the subscription in time")]
pub struct JoinError;

/// One session's place: its outbox, and the channels that it listens for.
pub struct Seat {
    hub: Arc<Hub>,
    id: ConnectionId,
    outbox: Arc<Outbox>,
    channels: Vec<Channel>,
}

impl Hub {
    /// Takes a seat. It listens for `all` and for its own connection from now on.
    pub fn enter(self: &Arc<Self>) -> Seat {
        let id = ConnectionId { node: self.node, number: NUMBERS.fetch_add(1, Ordering::Relaxed) };
        let outbox = Arc::new(Outbox::new(self.outbox_bytes));
        self.lock().enter(id, Arc::clone(&outbox));
        Seat { hub: Arc::clone(self), id, outbox, channels: Vec::new() }
    }
}

impl Seat {
    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Listens for a channel as well; done once the bus has confirmed it, so that nothing announced later is missed.
    pub async fn join(&mut self, channel: &Channel, patience: Duration) -> Result<(), JoinError> {
        if self.channels.contains(channel) {
            return Ok(());
        }
        self.channels.reserve_exact(1);
        self.channels.push(channel.clone());
        if self.hub.lock().join(channel, &self.outbox) {
            self.hub.edges.notify_one();
        }
        let live = std::future::poll_fn(|context| self.hub.lock().poll_live(channel, context));
        if tokio::time::timeout(patience, live).await.is_err() {
            self.leave(channel);
            return Err(JoinError);
        }
        Ok(())
    }

    /// Listens no longer. False if it did not listen.
    pub fn leave(&mut self, channel: &Channel) -> bool {
        let Some(index) = self.channels.iter().position(|own| own == channel) else { return false };
        self.channels.swap_remove(index);
        self.hub.left(channel, &self.outbox);
        true
    }

    /// How many channels it listens for by its own choice or by its user.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// What the session has to do next; waits for it.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        self.outbox.next()
    }
}

impl Hub {
    fn left(&self, channel: &Channel, outbox: &Arc<Outbox>) {
        if self.lock().leave(channel, outbox, uptime_millis()) {
            self.edges.notify_one();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.outbox.close();
        for channel in std::mem::take(&mut self.channels) {
            self.hub.left(&channel, &self.outbox);
        }
        self.hub.lock().exit(self.id);
    }
}
