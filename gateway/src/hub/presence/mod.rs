//! Presence, on its way to the bus: sessions that come and go are written in batches, one keeper for each shard. Where a
//! policy limits a user's sessions, whoever comes waits for the answer; otherwise nobody waits, and an idle session costs
//! nothing.

mod desk;
mod keeper;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::presence::{Lease, Past, Settings};
use wirebell_protocol::{Channel, ConnectionId, Order as Command, Shard, Transport};

use self::desk::{Desk, Entry};
use super::outbox::Order;
use super::seat::Unavailable;
use super::{Hub, Owner};
use crate::lifecycle::{Lifecycle, uptime_millis};
use crate::telemetry::Metrics;

/// How long a node's lease lives: five renewals, and still short enough that a node which was killed is given up, and its
/// users told offline, within five seconds.
pub const LEASE: Duration = Duration::from_millis(2_500);

/// What a node has to tell of its sessions.
pub(super) struct Presence {
    /// None, and nothing is told.
    settings: Option<Settings>,
    desks: Vec<Desk>,
    /// The node is ending: no lease is renewed any more.
    has_ended: AtomicBool,
    metrics: Arc<Metrics>,
}

/// Whether a session may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// It may.
    Welcome,
    /// The user has as many as may be.
    Refused,
}

impl Presence {
    pub(super) fn new(settings: Option<Settings>, metrics: Arc<Metrics>) -> Self {
        let desks = Shard::all().map(|_| Desk::default()).collect();
        Self { settings, desks, has_ended: AtomicBool::new(false), metrics }
    }

    /// Starts a keeper for each shard.
    pub(super) fn start(hub: &Arc<Hub>, life: &Lifecycle) {
        if let Some(settings) = hub.presence.settings {
            for shard in Shard::all() {
                life.spawn(keeper::run(Arc::clone(hub), shard, settings));
            }
        }
    }

    fn desk(&self, shard: Shard) -> Option<&Desk> {
        self.desks.get(usize::from(shard.number()))
    }

    fn push(&self, entry: Entry) {
        let Some(desk) = self.desk(shard_of(&entry.owner.user)) else { return };
        if !desk.push(entry) {
            self.metrics.presence.overflows.inc();
        }
    }

    /// A session came. With a policy, the receiver says whether it may be; it says nothing if that cannot be known.
    fn came(
        &self,
        connection: ConnectionId,
        owner: Owner,
        transport: Transport,
    ) -> Option<oneshot::Receiver<bool>> {
        let settings = self.settings?;
        let (sender, receiver) = oneshot::channel();
        let (answer, receiver) =
            if settings.policy.most > 0 { (Some(sender), Some(receiver)) } else { (None, None) };
        self.push(Entry { past: Past::Came, connection, owner, transport, answer });
        receiver
    }

    /// A session that came has ended.
    pub(super) fn left(&self, connection: ConnectionId, owner: Owner, transport: Transport) {
        if self.settings.is_some() {
            self.push(Entry { past: Past::Left, connection, owner, transport, answer: None });
        }
    }

    /// Is everything told?
    pub(super) fn is_empty(&self) -> bool {
        self.desks.iter().all(Desk::is_empty)
    }
}

impl Hub {
    /// Tells the bus of a session. Whether it may be is known at once if there is no policy.
    pub(super) async fn appear(
        &self,
        connection: ConnectionId,
        transport: Transport,
        patience: Duration,
    ) -> Result<Appearance, Unavailable> {
        let Some(owner) = self.lock().announce(connection.number, transport) else {
            return Ok(Appearance::Welcome);
        };
        let Some(answer) = self.presence.came(connection, owner, transport) else { return Ok(Appearance::Welcome) };
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(true)) => Ok(Appearance::Welcome),
            Ok(Ok(false)) => Ok(Appearance::Refused),
            Ok(Err(_)) | Err(_) => Err(Unavailable("the bus did not say whether the session may be".to_owned())),
        }
    }

    /// Does what the node is told to do to one of its sessions. Of one that has ended there is nothing to do.
    pub(super) fn obey(&self, command: &Command) {
        let id = command.connection();
        if id.node != self.node {
            return;
        }
        let outbox = {
            let mut registry = self.lock();
            if matches!(command, Command::Evict(_)) {
                // The bus does not count it any more.
                registry.withdraw(id.number);
            }
            registry.sitting(id.number).map(|(_, outbox)| outbox)
        };
        let Some(outbox) = outbox else { return };
        outbox.order(match command {
            Command::Evict(_) => Order::Replaced,
            Command::Disconnect(_, reason) => {
                Order::Disconnected { reason: (!reason.is_empty()).then(|| Arc::new(reason.clone())) }
            }
        });
    }

    /// Gives the node's leases back: whatever is left of its sessions is cleared up by others at once.
    pub async fn resign(&self, patience: Duration) {
        self.presence.has_ended.store(true, Ordering::Release);
        let has_left = self.sessions() == 0 && self.presence.is_empty();
        let leases = Shard::all().zip(&self.presence.desks).filter_map(|(shard, desk)| {
            let epoch = desk.epoch();
            (epoch > 0).then_some(Lease { shard, node: self.node, epoch })
        });
        let resigned = join_all(leases.map(|lease| self.bus.resign(lease, has_left)));
        let answers = tokio::time::timeout(patience, resigned).await.unwrap_or_default();
        for error in answers.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "a lease is not given back; it ends by itself");
        }
    }
}

/// The shard of the user whose channel it is.
pub(super) fn shard_of(user: &Channel) -> Shard {
    match user.kind() {
        Kind::User(id) => Shard::of(id),
        _ => Shard::of(user.as_str()),
    }
}

/// How many milliseconds ago that was.
fn age(since: u64) -> u64 {
    uptime_millis().saturating_sub(since)
}
