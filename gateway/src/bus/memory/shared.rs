//! What the embedded bus shares with its timer task and its inbox consumer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wirebell_protocol::Message;
use wirebell_protocol::message::Reply;

use super::state::State;
use crate::bus::delivery_queue::DeliverySender;
use crate::lifecycle::wall_clock;
use crate::telemetry::Metrics;

pub(super) struct Shared {
    pub(super) sender: DeliverySender,
    pub(super) metrics: Arc<Metrics>,
    pub(super) state: Mutex<State>,
    /// Notified when the inbox has an entry to consume.
    pub(super) inbox_changed: Notify,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers a reply if its connection is on this node.
    pub(super) fn reply(&self, reply: Reply) {
        let is_ours = self.lock().node() == reply.connection.node;
        if is_ours {
            self.sender.send(Message::Reply(reply));
        }
    }

    pub(super) fn update_subscription_gauge(&self, state: &State) {
        self.metrics.bus_subscriptions.set(i64::try_from(state.subscription_count()).unwrap_or(i64::MAX));
    }
}

/// Returns the microseconds since the Unix epoch.
pub(super) fn micros() -> u64 {
    u64::try_from(wall_clock().as_micros()).unwrap_or(u64::MAX)
}
