//! All sessions of this node: who subscribes to which channel, and delivery of events to them.
//!
//! The hub owns the registry of subscriptions, the send buffers, the repair of missed events, the
//! heartbeat, and the reports to the bus. Announcements, replies and node commands come in from the
//! bus. Frames and [`SessionCommand`]s go out through each session's [`send_buffer::SendBuffer`].
//!
//! The hub does not know what a session does, and knows no sockets, JSON or tokens. A session
//! [joins](Hub::join) and gets a [`Membership`]. Dropping the membership cleans up everything.

mod backlog;
mod chain;
mod connection_log;
mod emit;
mod fanout;
mod frame;
mod heartbeat;
mod interest;
mod log_kind;
mod membership;
mod meters;
mod pending_replies;
mod presence;
mod pump;
mod readers;
mod registry;
mod repair;
mod reporter;
pub mod send_buffer;
mod shared_frame;
pub mod snapshot;
mod subscription;
mod unavailable;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use wirebell_protocol::{Channel, NodeId};

use crate::bus::{DeliveryReceiver, SharedBus};
use crate::lifecycle::{Lifecycle, millis};
use crate::telemetry::Metrics;

pub use connection_log::ConnectionLog;
pub use frame::{Frame, Tracked};
pub use log_kind::{ChannelLog, LogKind};
pub use membership::{Membership, SubscribeFrom};
pub use meters::Meters;
pub use presence::{JoinResult, LEASE};
pub use registry::Owner;
pub use reporter::{Ack, DeliveryReport, Reporter};
pub use send_buffer::{Next, SessionCommand};
pub use unavailable::Unavailable;
pub use wire::{Pinged, Wire, Written};

use self::heartbeat::Heartbeat;
use self::pending_replies::PendingReplies;
use self::presence::Presence;
use self::readers::Readers;
use self::registry::Registry;
use self::repair::Repair;

/// The hub of this node, shared by all sessions.
pub struct Hub {
    node: NodeId,
    bus: SharedBus,
    registry: Mutex<Registry>,
    /// Notified when a channel gets its first subscriber or loses its last one.
    interest_changed: Notify,
    /// Logs to read because announcements were missed.
    repair: Repair,
    reporter: Arc<Reporter>,
    connection_log: Arc<ConnectionLog>,
    presence: Presence,
    heartbeat: Heartbeat,
    /// Sessions that are reading a log to catch up.
    readers: Readers,
    /// Requests of connections that wait for a service's reply.
    pending_replies: PendingReplies,
    /// How long a connection waits for a reply.
    reply_timeout_millis: u64,
    send_buffer_bytes: usize,
    meters: Meters,
    metrics: Arc<Metrics>,
}

/// Settings of the hub.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The id of this node.
    pub node: NodeId,
    /// How long a channel stays subscribed on the bus after its last subscriber has left.
    pub linger: Duration,
    /// Capacity of a session's send buffer in bytes.
    pub send_buffer_bytes: usize,
    /// Maximum number of entries in a user's connection log. 0 turns the log off.
    pub connection_log: usize,
    /// How long a connection waits for a service's reply.
    pub reply_timeout: Duration,
    /// Time between two pings of a silent client.
    pub heartbeat: Duration,
    /// Presence settings. Without them, presence is off.
    pub presence: Option<wirebell_protocol::presence::Settings>,
}

impl Hub {
    /// Returns the id of this node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Starts the hub's tasks on a bus and its deliveries.
    pub fn start(
        settings: Settings,
        bus: SharedBus,
        deliveries: DeliveryReceiver,
        life: &Lifecycle,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let (chunk_sender, chunks) = mpsc::channel(16);
        let hub = Arc::new(Self {
            node: settings.node,
            bus,
            registry: Mutex::new(Registry::new()),
            interest_changed: Notify::new(),
            repair: Repair::default(),
            reporter: Arc::new(Reporter::new(Arc::clone(&metrics))),
            connection_log: Arc::new(ConnectionLog::new(
                settings.node,
                settings.connection_log,
                Arc::clone(&metrics),
            )),
            presence: Presence::new(settings.presence, Arc::clone(&metrics)),
            heartbeat: Heartbeat::new(settings.heartbeat),
            readers: Readers::default(),
            pending_replies: PendingReplies::default(),
            reply_timeout_millis: millis(settings.reply_timeout),
            send_buffer_bytes: settings.send_buffer_bytes,
            meters: Meters::new(&metrics),
            metrics,
        });
        life.spawn(interest::run(Arc::clone(&hub), settings.linger));
        life.spawn(connection_log::run(Arc::clone(&hub.connection_log), Arc::clone(&hub.bus)));
        life.spawn(reporter::run(Arc::clone(&hub.reporter), Arc::clone(&hub.bus)));
        life.spawn(pending_replies::run(Arc::clone(&hub)));
        life.spawn(heartbeat::run(Arc::clone(&hub)));
        Presence::start(&hub, life);
        life.spawn(repair::run(Arc::clone(&hub), chunk_sender));
        life.spawn_delivery(pump::run(Arc::clone(&hub), deliveries, chunks));
        hub
    }

    /// Returns the number of sessions.
    pub fn sessions(&self) -> usize {
        self.lock().sessions()
    }

    /// Returns the counters for deliveries.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Returns the reporter for tracked events.
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Returns the connection log.
    pub fn connection_log(&self) -> &ConnectionLog {
        &self.connection_log
    }

    /// Waits until the bus has all reports, or until the timeout.
    pub async fn flush(&self, timeout: Duration) {
        let empty = async {
            while !self.reporter.is_empty() || !self.connection_log.is_empty() || !self.presence.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(timeout, empty).await.is_err() {
            tracing::warn!(
                "shutdown timeout: some reports did not reach the bus; receipts and connection logs lack them"
            );
        }
    }

    /// Sends every session a command. `command` is called once for each session.
    pub fn command_all(&self, mut command: impl FnMut() -> SessionCommand) {
        let buffers = self.lock().send_buffers();
        for buffer in buffers {
            buffer.command(command());
        }
    }

    /// Asks the user's sessions to check whether their tokens are still valid.
    pub fn check_tokens(&self, user: &str) {
        let Ok(channel) = Channel::user(user) else { return };
        let numbers = self.lock().subscribers(&channel);
        for number in numbers {
            let session = self.lock().session(number);
            if let Some((_, buffer)) = session {
                buffer.command(SessionCommand::CheckToken);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
