//! All clients of this node: who listens for what, and how an event gets from the bus to their outboxes.
//!
//! The hub knows neither sessions nor sockets. A session [`enters`](Hub::enter) and gets a [`Seat`]; whatever is
//! for it lies in the seat's outbox; dropping the seat is the whole clean-up.

mod awaited;
mod backlog;
mod chain;
mod emitting;
mod fanout;
mod frame;
mod heartbeat;
mod history;
mod interest;
mod line;
mod member;
mod meters;
mod notice;
pub mod outbox;
mod presence;
mod pump;
mod reading;
mod registry;
mod repair;
mod reporter;
mod seat;
pub mod snapshot;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use wirebell_protocol::{Channel, NodeId};

use crate::bus::{Deliveries, SharedBus};
use crate::lifecycle::{Lifecycle, millis};
use crate::telemetry::Metrics;

pub use frame::{Frame, Watched};
pub use history::History;
pub use line::{Lane, Line};
pub use meters::Meters;
pub use outbox::{Next, Order};
pub use presence::{Appearance, LEASE};
pub use registry::Owner;
pub use reporter::{Ack, Note, Reporter};
pub use seat::{Seat, Since, Unavailable};
pub use wire::{Pinged, Wire, Written};

use self::awaited::Awaited;
use self::heartbeat::Heartbeat;
use self::presence::Presence;
use self::reading::Readers;
use self::registry::Registry;
use self::repair::Repair;

/// The node's clients. Shared by all sessions.
pub struct Hub {
    node: NodeId,
    bus: SharedBus,
    registry: Mutex<Registry>,
    /// Rung whenever a channel has its first session or has lost its last one.
    edges: Notify,
    /// Logs that have to be read, since announcements were missed.
    repair: Repair,
    reporter: Arc<Reporter>,
    history: Arc<History>,
    presence: Presence,
    heartbeat: Heartbeat,
    /// Sessions that are behind.
    readers: Readers,
    /// What connections have asked services and wait for.
    awaited: Awaited,
    /// How long they do.
    reply_millis: u64,
    outbox_bytes: usize,
    meters: Meters,
    metrics: Arc<Metrics>,
}

/// What the hub needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// This node.
    pub node: NodeId,
    /// How long a channel stays subscribed after its last session has gone.
    pub linger: Duration,
    /// Bytes that may wait for one session.
    pub outbox_bytes: usize,
    /// Entries that a user's history keeps.
    pub history: usize,
    /// How long a connection waits for a service's answer.
    pub reply_timeout: Duration,
    /// Time between pings.
    pub heartbeat: Duration,
    /// What holds for presence; without it nobody is told who is online.
    pub presence: Option<wirebell_protocol::presence::Settings>,
}

impl Hub {
    /// This node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Starts the hub's tasks over a bus and its deliveries.
    pub fn start(
        settings: Settings,
        bus: SharedBus,
        deliveries: Deliveries,
        life: &Lifecycle,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let (found, repaired) = mpsc::channel(16);
        let hub = Arc::new(Self {
            node: settings.node,
            bus,
            registry: Mutex::new(Registry::new()),
            edges: Notify::new(),
            repair: Repair::default(),
            reporter: Arc::new(Reporter::new(Arc::clone(&metrics))),
            history: Arc::new(History::new(settings.node, settings.history, Arc::clone(&metrics))),
            presence: Presence::new(settings.presence, Arc::clone(&metrics)),
            heartbeat: Heartbeat::new(settings.heartbeat),
            readers: Readers::default(),
            awaited: Awaited::default(),
            reply_millis: millis(settings.reply_timeout),
            outbox_bytes: settings.outbox_bytes,
            meters: Meters::new(&metrics),
            metrics,
        });
        life.spawn(interest::run(Arc::clone(&hub), settings.linger));
        life.spawn(history::run(Arc::clone(&hub.history), Arc::clone(&hub.bus)));
        life.spawn(reporter::run(Arc::clone(&hub.reporter), Arc::clone(&hub.bus)));
        life.spawn(awaited::run(Arc::clone(&hub)));
        life.spawn(heartbeat::run(Arc::clone(&hub)));
        Presence::start(&hub, life);
        life.spawn(repair::run(Arc::clone(&hub), found));
        life.spawn_delivery(pump::run(Arc::clone(&hub), deliveries, repaired));
        hub
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.lock().sessions()
    }

    /// Where to count what is delivered.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Whom to report to what becomes of watched events.
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Where to say what happens to users' sessions.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Waits until everything that was reported is with the bus, but no longer than this.
    pub async fn flush(&self, patience: Duration) {
        let empty = async {
            while !self.reporter.is_empty() || !self.history.is_empty() || !self.presence.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(patience, empty).await.is_err() {
            tracing::warn!("some reports did not get to the bus before the end");
        }
    }

    /// Gives every session an order, each its own.
    pub fn order_all(&self, mut order: impl FnMut() -> Order) {
        let everyone = self.lock().everyone();
        for outbox in everyone {
            outbox.order(order());
        }
    }

    /// Has the user's sessions look whether their tokens are still good.
    pub fn check(&self, user: &str) {
        let Ok(channel) = Channel::user(user) else { return };
        let numbers = self.lock().listeners(&channel);
        for number in numbers {
            let sitting = self.lock().sitting(number);
            if let Some((_, outbox)) = sitting {
                outbox.order(Order::Check);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
