//! The embedded bus, for one process and without Redis.
//!
//! It keeps the guarantees of [`super::Bus`], except that its data is lost when the process ends.
//! It takes events and reports from the node, and sends deliveries to the hub. The inbox has one
//! consumer, the webhook ([`InboxConsumer`]). The files mirror the Redis scripts: `state` holds the
//! data, `delivery_records` the delivery status of tracked events, `presence_shard` the online
//! users.

mod connection_log;
mod delivery_record;
mod delivery_records;
mod inbox;
mod inbox_consumer;
mod log;
mod presence;
mod presence_shard;
mod retained;
mod revocation_list;
mod revocations;
mod seen_ids;
mod shared;
mod state;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::inbox::{Bounds, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::publish::{Accepted, Retentions};
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Cursor, NodeId, Prepared};

use self::inbox::Inbox;
pub use self::inbox_consumer::{InFlightEvent, InboxConsumer, RetryPolicy};
use self::shared::{Shared, micros};
use self::state::State;
use super::delivery_queue::{DeliveryReceiver, delivery_queue};
use super::error::BusError;
use super::{
    Ack, Bus, CancelResult, ChannelEnds, CursorStatus, DeliveryReport, Fallback, FinalStatus, Health, UserLogEntry,
};
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// How often due timers are collected.
const TIMER_INTERVAL: Duration = Duration::from_millis(100);

/// A bus within this process.
pub struct MemoryBus {
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
}

impl MemoryBus {
    /// Starts a bus for one node, and returns it with the receiver of its deliveries.
    pub fn start(
        node: NodeId,
        retentions: Retentions,
        inbox: Bounds,
        capacity: usize,
        life: &Lifecycle,
        metrics: Arc<Metrics>,
    ) -> (Self, DeliveryReceiver) {
        metrics.bus_up.set(1);
        let (sender, deliveries) = delivery_queue(capacity, Arc::clone(&metrics));
        let state = Mutex::new(State::new(node, retentions, Inbox::new(inbox)));
        let shared = Arc::new(Shared { sender, metrics, state, inbox_changed: Notify::new() });
        life.spawn(run_timers(Arc::clone(&shared)));
        (Self { shared, health: watch::Sender::new(Health::Up) }, deliveries)
    }

    /// Returns the consumer of the inbox. The embedded bus has exactly one.
    pub fn consumer(&self, policy: RetryPolicy) -> InboxConsumer {
        InboxConsumer::open(Arc::clone(&self.shared), policy)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

async fn run_timers(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(TIMER_INTERVAL).await;
        shared.lock().process_due_timers(micros(), &shared.sender);
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
        // Announcing under the lock keeps announcements in the order of the logs.
        let mut state = self.lock();
        events.iter().map(|event| Ok(state.publish(event, micros(), &self.shared.sender))).collect()
    }

    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<ChannelEnds>, BusError> {
        let mut state = self.lock();
        state.subscribe(channels);
        self.shared.update_subscription_gauge(&state);
        Ok(channels.iter().map(|channel| state.ends(channel)).collect())
    }

    async fn unsubscribe(&self, channels: &[Channel]) {
        let mut state = self.lock();
        state.unsubscribe(channels);
        self.shared.update_subscription_gauge(&state);
    }

    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError> {
        let state = self.lock();
        Ok(after.iter().map(|(channel, cursor)| state.read(channel, *cursor, limit)).collect())
    }

    async fn read_retained(&self, channel: &Channel, after: Cursor) -> Result<Vec<Announcement>, BusError> {
        Ok(self.lock().read_retained(channel, after, micros() / 1000))
    }

    async fn cursor_status(&self, channel: &Channel, cursor: Cursor) -> Result<CursorStatus, BusError> {
        Ok(self.lock().cursor_status(channel, cursor))
    }

    async fn report(&self, reports: &[DeliveryReport]) -> Result<(), BusError> {
        let mut state = self.lock();
        for report in reports {
            state.records.report(report, micros() / 1000);
        }
        Ok(())
    }

    async fn acknowledge(&self, acks: &[Ack]) -> Vec<Result<(), BusError>> {
        let mut state = self.lock();
        for ack in acks {
            state.records.acknowledge(ack, micros() / 1000);
        }
        vec![Ok(()); acks.len()]
    }

    async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, BusError> {
        Ok(self.lock().records.receipts(id))
    }

    async fn fallbacks(&self, limit: usize) -> Result<Vec<Fallback>, BusError> {
        Ok(self.lock().records.fallbacks.iter().rev().take(limit).cloned().collect())
    }

    async fn final_statuses(&self, limit: usize) -> Result<Vec<FinalStatus>, BusError> {
        Ok(self.lock().records.final_statuses.iter().rev().take(limit).cloned().collect())
    }

    async fn cancel(&self, id: &str) -> Result<CancelResult, BusError> {
        Ok(self.lock().cancel(id, micros(), &self.shared.sender))
    }

    async fn append_connection_log(&self, entries: &[UserLogEntry], max_entries: usize) -> Result<(), BusError> {
        let mut state = self.lock();
        for entry in entries {
            state.connection_logs.append(entry, max_entries, micros() / 1000);
        }
        Ok(())
    }

    async fn connection_log(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
        Ok(self.lock().connection_logs.read(user, micros() / 1000))
    }

    async fn find_accepted(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError> {
        Ok(self.lock().find_accepted(channel, id, micros() / 1000))
    }

    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError> {
        let emitted = self.lock().inbox.emit(from, emission, micros() / 1000);
        self.shared.inbox_changed.notify_one();
        Ok(emitted)
    }

    async fn reply(&self, reply: &Reply) -> Result<(), BusError> {
        self.shared.reply(reply.clone());
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<NodeId>, BusError> {
        Ok(vec![self.lock().node()])
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }
}
