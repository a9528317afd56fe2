//! The bus on Redis: a Stream for each channel's log, sharded pub/sub for announcements, one script for both.
//!
//! fred carries the commands; the redis crate carries the node's subscriptions, since it hands every push over in
//! the task that reads the socket, where fred puts them into a broadcast ring that overwrites what is not read in
//! time (`docs/decisions/0002-subscriptions-on-the-redis-crate.md` has the measurement).
//!
//! One server, Sentinel and Cluster differ in who is asked where the data are (`place`, `discovery`) and in how many
//! links there are (`slots`, `link`); all else is the same for the three.

mod canary;
mod commands;
mod discovery;
mod health;
mod history;
mod inbox;
mod link;
mod log;
mod place;
mod presence;
mod publish;
mod replicated;
mod revocations;
mod roster;
mod slots;
mod subscriber;
mod timers;
mod tracking;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::inbox::{Bounds, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::publish::{Accepted, Retentions};
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Class, Cursor, Durability, Keys, NodeId, Prepared};

use self::commands::Commands;
use self::place::Place;
use self::replicated::Replicated;
pub use self::roster::Roster;
use self::subscriber::Subscriber;
use super::intake::{Deliveries, intake};
use super::{Ack, Bus, BusError, Cancelled, Ends, Fallback, Happening, Health, Note, Position, Told};
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// How long a command may take before the bus counts as out of reach.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);

/// What the bus needs to know.
pub struct Settings {
    /// Where Redis is; it may hold a password.
    pub url: String,
    /// The names of everything in Redis.
    pub keys: Keys,
    /// How long and how much is kept.
    pub retentions: Retentions,
    /// How much the inbox keeps.
    pub inbox: Bounds,
    /// When an event counts as published that does not say so itself.
    pub durability: Durability,
    /// Announcements that may wait for the hub.
    pub queue: usize,
    /// This node.
    pub node: NodeId,
}

/// A bus on Redis.
pub struct RedisBus {
    commands: Arc<Commands>,
    replicated: Replicated,
    durability: Durability,
    inbox: Bounds,
    subscriber: Arc<Subscriber>,
    roster: Roster,
    health: watch::Receiver<Health>,
}

impl RedisBus {
    /// Starts connecting, and goes on for as long as the process lives. Whether Redis is there shows in the health;
    /// only a URL that cannot be read is an error.
    pub fn start(
        settings: Settings,
        life: &Lifecycle,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Deliveries), BusError> {
        let (intake, deliveries) = intake(settings.queue, Arc::clone(metrics));
        let keys = settings.keys;
        let config = commands::config(&settings.url)?;
        let place = Place::of(&settings.url, &config)?;
        let replicated = Replicated::new(Place::of(&settings.url, &config)?);
        let commands = Arc::new(Commands::start(config, keys.clone(), settings.retentions)?);
        let roster = Roster::new(Arc::clone(&commands), place.hosts(), settings.node);
        let listens = Arc::clone(&commands);
        let subscriber = Subscriber::new(place, keys, settings.node, intake, listens, Arc::clone(metrics));
        let subscriber = Arc::new(subscriber);
        let (sender, health) = watch::channel(Health::Down("not connected yet".to_owned()));
        life.spawn_delivery(Arc::clone(&subscriber).run());
        life.spawn(timers::run(Arc::clone(&commands), Arc::clone(metrics)));
        life.spawn(health::run(Arc::clone(&commands), subscriber.state(), sender, Arc::clone(metrics)));
        life.spawn(inbox::watch(Arc::clone(&commands), Arc::clone(metrics)));
        let (durability, inbox) = (settings.durability, settings.inbox);
        Ok((Self { commands, replicated, durability, inbox, subscriber, roster, health }, deliveries))
    }

    /// Where this node may be entered among those that live.
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
        let usual = self.durability;
        let wants = |event: &Prepared| event.durability.unwrap_or(usual) == Durability::Replicated;
        // A batch keeps its order, and so it goes one way as a whole.
        let is_stored = |event: &Prepared| event.class != Class::Volatile;
        let replicated = events.iter().any(|event| is_stored(event) && wants(event)).then_some(&self.replicated);
        publish::all(&self.commands, replicated, events).await
    }

    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<Ends>, BusError> {
        self.subscriber.subscribe(channels).await?;
        log::ends(&self.commands, channels).await
    }

    async fn unsubscribe(&self, channels: &[Channel]) {
        self.subscriber.unsubscribe(channels).await;
    }

    async fn read(&self, after: &[(Channel, Cursor)], limit: usize) -> Result<Vec<Vec<Announcement>>, BusError> {
        log::read(&self.commands, after, limit).await
    }

    async fn read_retained(&self, channel: &Channel, after: Cursor) -> Result<Vec<Announcement>, BusError> {
        log::retained(&self.commands, channel, after).await
    }

    async fn note(&self, notes: &[Note]) -> Result<(), BusError> {
        tracking::note(&self.commands, notes).await
    }

    async fn acknowledge(&self, acks: &[Ack]) -> Vec<Result<(), BusError>> {
        let replicated = (self.durability == Durability::Replicated).then_some(&self.replicated);
        tracking::acknowledge(&self.commands, replicated, acks).await
    }

    async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, BusError> {
        tracking::receipts(&self.commands, id).await
    }

    async fn fallbacks(&self, most: usize) -> Result<Vec<Fallback>, BusError> {
        tracking::fallbacks(&self.commands, most).await
    }

    async fn told(&self, most: usize) -> Result<Vec<Told>, BusError> {
        tracking::told(&self.commands, most).await
    }

    async fn cancel(&self, id: &str) -> Result<Cancelled, BusError> {
        tracking::cancel(&self.commands, id).await
    }

    async fn remember(&self, happenings: &[Happening], most: usize) -> Result<(), BusError> {
        history::remember(&self.commands, happenings, most).await
    }

    async fn history(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
        history::read(&self.commands, user).await
    }

    async fn answered(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError> {
        history::answered(&self.commands, channel, id).await
    }

    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError> {
        let replicated = (self.durability == Durability::Replicated).then_some(&self.replicated);
        inbox::emit(&self.commands, replicated, from, emission, &self.inbox).await
    }

    async fn reply(&self, reply: &Reply) -> Result<(), BusError> {
        inbox::reply(&self.commands, reply).await
    }

    async fn nodes(&self) -> Result<Vec<NodeId>, BusError> {
        history::nodes(&self.commands).await
    }

    async fn position(&self, channel: &Channel, cursor: Cursor) -> Result<Position, BusError> {
        log::position(&self.commands, channel, cursor).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
