//! The embedded bus: one process, nothing to install. It keeps the promises of [`super::Bus`], save that what it
//! holds dies with the process.

mod history;
mod inbox;
mod log;
mod presence;
mod record;
mod records;
mod retained;
mod revocations;
mod seen;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::inbox::{Bounds, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::publish::{Accepted, Retentions};
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Cursor, Message, NodeId, Prepared};

use self::inbox::Inbox;
pub use self::inbox::{Claim, Service, Tries};
use self::state::State;
use super::intake::{Deliveries, Intake, intake};
use super::{Ack, Bus, BusError, Cancelled, Ends, Fallback, Happening, Health, Note, Position, Told};
use crate::lifecycle::{Lifecycle, wall_clock};
use crate::telemetry::Metrics;

/// How often timers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A bus within this process.
pub struct MemoryBus {
    shared: Arc<Shared>,
    health: watch::Sender<Health>,
}

/// What the bus and its timers share.
struct Shared {
    intake: Intake,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    /// Something came into the inbox.
    news: Notify,
}

impl MemoryBus {
    /// A bus for one node, and its deliveries.
    pub fn start(
        node: NodeId,
        retentions: Retentions,
        inbox: Bounds,
        capacity: usize,
        life: &Lifecycle,
        metrics: Arc<Metrics>,
    ) -> (Self, Deliveries) {
        metrics.bus_up.set(1);
        let (intake, deliveries) = intake(capacity, Arc::clone(&metrics));
        let state = Mutex::new(State::new(node, retentions, Inbox::new(inbox)));
        let shared = Arc::new(Shared { intake, metrics, state, news: Notify::new() });
        life.spawn(timers(Arc::clone(&shared)));
        (Self { shared, health: watch::Sender::new(Health::Up) }, deliveries)
    }

    /// The inbox as a service reads it. The embedded bus has one.
    pub fn service(&self, tries: Tries) -> Service {
        Service::open(Arc::clone(&self.shared), tries)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, reply: Reply) {
        let is_ours = self.lock().node() == reply.connection.node;
        if is_ours {
            self.intake.offer(Message::Reply(reply));
        }
    }

    fn count(&self, state: &State) {
        self.metrics.bus_subscriptions.set(i64::try_from(state.listened()).unwrap_or(i64::MAX));
    }
}

async fn timers(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        shared.lock().work_off(micros(), &shared.intake);
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
        // Announcing under the lock keeps the order of announcements that of the logs.
        let mut state = self.lock();
        events.iter().map(|event| Ok(state.publish(event, micros(), &self.shared.intake))).collect()
    }

    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<Ends>, BusError> {
        let mut state = self.lock();
        state.listen(channels);
        self.shared.count(&state);
        Ok(channels.iter().map(|channel| state.ends(channel)).collect())
    }

    async fn unsubscribe(&self, channels: &[Channel]) {
        let mut state = self.lock();
        state.listen_no_longer(channels);
        self.shared.count(&state);
    }

    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError> {
        let state = self.lock();
        Ok(after.iter().map(|(channel, cursor)| state.read(channel, *cursor, limit)).collect())
    }

    async fn read_retained(&self, channel: &Channel, after: Cursor) -> Result<Vec<Announcement>, BusError> {
        Ok(self.lock().read_retained(channel, after, micros() / 1000))
    }

    async fn position(&self, channel: &Channel, cursor: Cursor) -> Result<Position, BusError> {
        Ok(self.lock().position(channel, cursor))
    }

    async fn note(&self, notes: &[Note]) -> Result<(), BusError> {
        let mut state = self.lock();
        for note in notes {
            state.records.note(note, micros() / 1000);
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

    async fn fallbacks(&self, most: usize) -> Result<Vec<Fallback>, BusError> {
        Ok(self.lock().records.fallbacks.iter().rev().take(most).cloned().collect())
    }

    async fn told(&self, most: usize) -> Result<Vec<Told>, BusError> {
        Ok(self.lock().records.told.iter().rev().take(most).cloned().collect())
    }

    async fn cancel(&self, id: &str) -> Result<Cancelled, BusError> {
        Ok(self.lock().cancel(id, micros(), &self.shared.intake))
    }

    async fn remember(&self, happenings: &[Happening], most: usize) -> Result<(), BusError> {
        let mut state = self.lock();
        for happening in happenings {
            state.histories.remember(happening, most, micros() / 1000);
        }
        Ok(())
    }

    async fn history(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
        Ok(self.lock().histories.of(user, micros() / 1000))
    }

    async fn answered(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError> {
        Ok(self.lock().answered(channel, id, micros() / 1000))
    }

    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError> {
        let emitted = self.lock().inbox.emit(from, emission, micros() / 1000);
        self.shared.news.notify_one();
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

fn micros() -> u64 {
    u64::try_from(wall_clock().as_micros()).unwrap_or(u64::MAX)
}
