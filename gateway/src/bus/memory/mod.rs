//! The embedded bus: one process, nothing to install. It keeps the promises of [`super::Bus`], save that what it
//! holds dies with the process.

mod log;
mod seen;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use wirebell_protocol::announcement::Place;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::publish::{Accepted, Retention};
use wirebell_protocol::{Announcement, Channel, Class, Cursor, NodeId, Prepared};

use self::log::Log;
use self::seen::Seen;
use super::inbox::{Deliveries, Inbox, inbox};
use super::{Bus, BusError, Health, Position};
use crate::lifecycle::wall_clock;
use crate::telemetry::Metrics;

/// Logs kept at the most; beyond that the one that has been idle longest goes.
const MOST_LOGS: usize = 100_000;

/// A bus within this process.
pub struct MemoryBus {
    node: NodeId,
    retention: Retention,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    health: watch::Sender<Health>,
}

#[derive(Default)]
struct State {
    logs: HashMap<Channel, Log>,
    seen: Seen,
    listened: HashSet<Channel>,
}

impl MemoryBus {
    /// A bus for one node, and its deliveries.
    pub fn start(node: NodeId, retention: Retention, capacity: usize, metrics: Arc<Metrics>) -> (Self, Deliveries) {
        metrics.bus_up.set(1);
        let (inbox, deliveries) = inbox(capacity, Arc::clone(&metrics));
        let health = watch::Sender::new(Health::Up);
        (Self { node, retention, inbox, metrics, state: Mutex::default(), health }, deliveries)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State) {
        self.metrics.bus_subscriptions.set(i64::try_from(state.listened.len()).unwrap_or(i64::MAX));
    }

    /// Announcing under the lock keeps the order of announcements that of the logs.
    fn publish_one(&self, event: &Prepared) -> Accepted {
        let now = micros();
        let mut state = self.lock();
        if let Some(accepted) = state.seen.find(&event.channel, &event.id, now / 1000) {
            return Accepted { again: true, ..accepted };
        }
        let expires_at = event.ttl_millis.map(|ttl| now / 1000 + ttl);
        let place =
            (event.class == Class::Durable).then(|| state.append(event, now / 1000, expires_at, &self.retention));
        let listened = state.listened.contains(&event.channel)
            || matches!(event.channel.kind(), Kind::Connection(id) if id.node == self.node);
        let accepted =
            Accepted { cursor: place.map(|place| place.cursor), nodes: u64::from(listened), again: false };
        state.seen.remember(event, accepted, now / 1000 + self.retention.seen_millis);
        if listened {
            self.inbox.offer(Announcement {
                channel: event.channel.clone(),
                class: event.class,
                place,
                accepted_at: now,
                expires_at,
                frame: event.frame(accepted.cursor),
            });
        }
        accepted
    }
}

impl State {
    fn append(&mut self, event: &Prepared, now: u64, expires_at: Option<u64>, retention: &Retention) -> Place {
        if !self.logs.contains_key(&event.channel) {
            self.forget_idle(now, retention);
        }
        self.logs.entry(event.channel.clone()).or_default().append(event, now, expires_at, retention)
    }

    /// Makes room for one more log. Looked at only when the table is full, so that the usual append costs nothing.
    fn forget_idle(&mut self, now: u64, retention: &Retention) {
        if self.logs.len() < MOST_LOGS {
            return;
        }
        self.logs.retain(|_, log| log.last().millis + retention.log_millis > now);
        if self.logs.len() >= MOST_LOGS
            && let Some(idlest) = self.logs.iter().min_by_key(|(_, log)| log.last()).map(|(c, _)| c.clone())
        {
            self.logs.remove(&idlest);
        }
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
        events.iter().map(|event| Ok(self.publish_one(event))).collect()
    }

    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<Cursor>, BusError> {
        let mut state = self.lock();
        state.listened.extend(channels.iter().cloned());
        self.count(&state);
        Ok(channels.iter().map(|channel| state.logs.get(channel).map_or(Cursor::START, Log::last)).collect())
    }

    async fn unsubscribe(&self, channels: &[Channel]) {
        let mut state = self.lock();
        for channel in channels {
            state.listened.remove(channel);
        }
        self.count(&state);
    }

    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError> {
        let state = self.lock();
        let read = |(channel, cursor): &(Channel, Cursor)| {
            state.logs.get(channel).map_or_else(Vec::new, |log| log.after(*cursor, limit))
        };
        Ok(after.iter().map(read).collect())
    }

    async fn position(&self, channel: &Channel, cursor: Cursor) -> Result<Position, BusError> {
        let state = self.lock();
        let is_known = state.logs.get(channel).map_or(cursor == Cursor::START, |log| log.reaches_back_to(cursor));
        Ok(if is_known { Position::Known } else { Position::Lost })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }
}

fn micros() -> u64 {
    u64::try_from(wall_clock().as_micros()).unwrap_or(u64::MAX)
}
