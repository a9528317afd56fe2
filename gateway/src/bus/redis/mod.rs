//! The bus on Redis: a Stream for each channel's log, sharded pub/sub for announcements, and one
//! script for both.
//!
//! It takes events and reports from the node, and sends deliveries to the hub. fred carries the
//! commands. The redis crate carries the node's subscriptions, since it passes on every push
//! message in the task that reads the socket. fred puts them into a broadcast ring that overwrites
//! unread messages (`docs/decisions/0002-subscriptions-on-the-redis-crate.md` has the measurement).
//!
//! A standalone server, Sentinel and a Cluster differ only in how the data servers are found
//! (`endpoint`, `discovery`) and in the number of links (`slots`, `link`).
//!
//! A connection is opened again here, but a failed command is not retried: its caller in the hub or
//! the API knows whether it still needs the result.

mod canary;
mod commands;
mod connection_log;
mod discovery;
mod endpoint;
mod health;
mod inbox;
mod link;
mod log;
mod mutex;
mod presence;
mod publish;
mod replicated;
mod revocations;
mod roster;
mod slots;
mod subscriber;
mod timers;
mod tracking;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::inbox::{Bounds, Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::publish::{Accepted, Retentions};
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Class, Cursor, Durability, Keys, NodeId, Prepared};

use self::commands::Commands;
use self::endpoint::RedisEndpoint;
use self::replicated::Replicated;
pub use self::roster::Roster;
use self::subscriber::Subscriber;
use super::delivery_queue::{DeliveryReceiver, delivery_queue};
use super::error::BusError;
use super::{
    Ack, Bus, CancelResult, ChannelEnds, CursorStatus, DeliveryReport, Fallback, FinalStatus, Health, UserLogEntry,
};
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// The settings of the bus.
pub struct Settings {
    /// The URL of Redis; it may contain a password.
    pub url: String,
    /// The names of all keys in Redis.
    pub keys: Keys,
    /// How long, and how much, channels keep.
    pub retentions: Retentions,
    /// How much the inbox keeps.
    pub inbox: Bounds,
    /// The durability of events that do not set their own.
    pub durability: Durability,
    /// Maximum number of messages that wait for the hub.
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
    /// Starts connecting, and runs for as long as the process runs. The health shows whether Redis
    /// is reachable; only an invalid URL is an error.
    pub fn start(
        settings: Settings,
        life: &Lifecycle,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, DeliveryReceiver), BusError> {
        let (sender, deliveries) = delivery_queue(settings.queue, Arc::clone(metrics));
        let keys = settings.keys;
        let config = commands::parse_url(&settings.url)?;
        let endpoint = RedisEndpoint::parse(&settings.url, &config)?;
        let replicated = Replicated::new(RedisEndpoint::parse(&settings.url, &config)?);
        let commands = Arc::new(Commands::start(config, keys.clone(), settings.retentions)?);
        let roster = Roster::new(Arc::clone(&commands), endpoint.hosts(), settings.node);
        let canary_commands = Arc::clone(&commands);
        let subscriber =
            Subscriber::new(endpoint, keys, settings.node, sender, canary_commands, Arc::clone(metrics));
        let subscriber = Arc::new(subscriber);
        let (health_sender, health) = watch::channel(Health::Down("not connected yet".to_owned()));
        life.spawn_delivery(Arc::clone(&subscriber).run());
        life.spawn(timers::run(Arc::clone(&commands), Arc::clone(metrics)));
        life.spawn(health::run(Arc::clone(&commands), subscriber.state(), health_sender, Arc::clone(metrics)));
        life.spawn(inbox::run_metrics(Arc::clone(&commands), Arc::clone(metrics)));
        let (durability, inbox) = (settings.durability, settings.inbox);
        Ok((Self { commands, replicated, durability, inbox, subscriber, roster, health }, deliveries))
    }

    /// Returns the roster of live nodes, to which this node may add itself.
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, events: &[Prepared]) -> Vec<Result<Accepted, BusError>> {
        let default = self.durability;
        let wants = |event: &Prepared| event.durability.unwrap_or(default) == Durability::Replicated;
        // A batch stays in order, so all of it takes the same connections.
        let is_stored = |event: &Prepared| event.class != Class::Volatile;
        let replicated = events.iter().any(|event| is_stored(event) && wants(event)).then_some(&self.replicated);
        publish::publish(&self.commands, replicated, events).await
    }

    async fn subscribe(&self, channels: &[Channel]) -> Result<Vec<ChannelEnds>, BusError> {
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

    async fn report(&self, reports: &[DeliveryReport]) -> Result<(), BusError> {
        tracking::report(&self.commands, reports).await
    }

    async fn acknowledge(&self, acks: &[Ack]) -> Vec<Result<(), BusError>> {
        let replicated = (self.durability == Durability::Replicated).then_some(&self.replicated);
        tracking::acknowledge(&self.commands, replicated, acks).await
    }

    async fn receipts(&self, id: &str) -> Result<Vec<Receipt>, BusError> {
        tracking::receipts(&self.commands, id).await
    }

    async fn fallbacks(&self, limit: usize) -> Result<Vec<Fallback>, BusError> {
        tracking::fallbacks(&self.commands, limit).await
    }

    async fn final_statuses(&self, limit: usize) -> Result<Vec<FinalStatus>, BusError> {
        tracking::final_statuses(&self.commands, limit).await
    }

    async fn cancel(&self, id: &str) -> Result<CancelResult, BusError> {
        tracking::cancel(&self.commands, id).await
    }

    async fn append_connection_log(&self, entries: &[UserLogEntry], max_entries: usize) -> Result<(), BusError> {
        connection_log::append(&self.commands, entries, max_entries).await
    }

    async fn connection_log(&self, user: &Channel) -> Result<Vec<ConnectionLogEntry>, BusError> {
        connection_log::read(&self.commands, user).await
    }

    async fn find_accepted(&self, channel: &Channel, id: &str) -> Result<Option<Accepted>, BusError> {
        connection_log::find_accepted(&self.commands, channel, id).await
    }

    async fn emit(&self, from: &Emitter<'_>, emission: &Emission) -> Result<Emitted, BusError> {
        let replicated = (self.durability == Durability::Replicated).then_some(&self.replicated);
        inbox::emit(&self.commands, replicated, from, emission, &self.inbox).await
    }

    async fn reply(&self, reply: &Reply) -> Result<(), BusError> {
        inbox::reply(&self.commands, reply).await
    }

    async fn nodes(&self) -> Result<Vec<NodeId>, BusError> {
        connection_log::nodes(&self.commands).await
    }

    async fn cursor_status(&self, channel: &Channel, cursor: Cursor) -> Result<CursorStatus, BusError> {
        log::cursor_status(&self.commands, channel, cursor).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }
}
