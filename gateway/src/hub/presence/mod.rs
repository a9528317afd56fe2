//! Presence: writes the sessions of this node to the bus, which knows the users of all nodes.
//!
//! Owns the node's lease in each shard, and one queue and one task per shard. In: sessions that
//! begin and end, and commands for this node's sessions. Out: batches of changes, and sessions to
//! close. If a policy limits a user's sessions, a new session waits for the bus' reply. Otherwise
//! no session waits, and an idle session costs nothing. Must not know: who reads which users are
//! online.

mod change_queue;
mod lease;
pub(super) mod shard;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use wirebell_protocol::presence::{Lease, SessionChange, Settings};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard, Transport};

use self::change_queue::{ChangeQueue, PendingChange};
use self::shard::shard_of;
use super::send_buffer::SessionCommand;
use super::unavailable::Unavailable;
use super::{Hub, Owner};
use crate::lifecycle::{Lifecycle, uptime_millis};
use crate::telemetry::Metrics;

/// Lifetime of a node's lease: five renewals. It is short enough that a killed node expires, and
/// its users become offline, within five seconds.
pub const LEASE: Duration = Duration::from_millis(2_500);

/// Presence changes of this node.
pub(super) struct Presence {
    /// `None` if presence is off.
    settings: Option<Settings>,
    queues: Vec<ChangeQueue>,
    /// The node is shutting down: leases are no longer renewed.
    has_ended: AtomicBool,
    metrics: Arc<Metrics>,
}

/// Result of registering a session in presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinResult {
    /// The session is accepted.
    Joined,
    /// The session is rejected: the user has as many sessions as allowed.
    TooManySessions,
}

impl Presence {
    pub(super) fn new(settings: Option<Settings>, metrics: Arc<Metrics>) -> Self {
        let queues = Shard::all().map(|_| ChangeQueue::default()).collect();
        Self { settings, queues, has_ended: AtomicBool::new(false), metrics }
    }

    /// Starts a lease renewer for each shard.
    pub(super) fn start(hub: &Arc<Hub>, life: &Lifecycle) {
        if let Some(settings) = hub.presence.settings {
            for shard in Shard::all() {
                life.spawn(lease::run(Arc::clone(hub), shard, settings));
            }
        }
    }

    fn queue(&self, shard: Shard) -> Option<&ChangeQueue> {
        self.queues.get(usize::from(shard.number()))
    }

    fn push(&self, change: PendingChange) {
        let Some(queue) = self.queue(shard_of(&change.owner.user)) else { return };
        if !queue.push(change) {
            self.metrics.presence.overflows.inc();
        }
    }

    /// Queues that a session began. With a policy, the receiver gets whether the session is
    /// accepted. The sender is dropped if that cannot be known.
    fn joined(
        &self,
        connection: ConnectionId,
        owner: Owner,
        transport: Transport,
    ) -> Option<oneshot::Receiver<bool>> {
        let settings = self.settings?;
        let (sender, receiver) = oneshot::channel();
        let (answer, receiver) =
            if settings.policy.max_sessions > 0 { (Some(sender), Some(receiver)) } else { (None, None) };
        self.push(PendingChange { kind: SessionChange::Join, connection, owner, transport, answer });
        receiver
    }

    /// Queues that a registered session ended.
    pub(super) fn left(&self, connection: ConnectionId, owner: Owner, transport: Transport) {
        if self.settings.is_some() {
            self.push(PendingChange { kind: SessionChange::Leave, connection, owner, transport, answer: None });
        }
    }

    /// Returns whether all changes are written.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(ChangeQueue::is_empty)
    }
}

impl Hub {
    /// Registers a session in presence. Without a policy, it is accepted at once.
    pub(super) async fn register_presence(
        &self,
        connection: ConnectionId,
        transport: Transport,
        timeout: Duration,
    ) -> Result<JoinResult, Unavailable> {
        let Some(owner) = self.lock().mark_present(connection.number, transport) else {
            return Ok(JoinResult::Joined);
        };
        let Some(answer) = self.presence.joined(connection, owner, transport) else {
            return Ok(JoinResult::Joined);
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(true)) => Ok(JoinResult::Joined),
            Ok(Ok(false)) => Ok(JoinResult::TooManySessions),
            Ok(Err(_)) | Err(_) => {
                Err(Unavailable("the bus did not confirm in time that the user may have this session".to_owned()))
            }
        }
    }

    /// Executes a command to one of this node's sessions. Does nothing if the session has ended.
    pub(super) fn execute(&self, command: &NodeCommand) {
        let id = command.connection();
        if id.node != self.node {
            return;
        }
        let buffer = {
            let mut registry = self.lock();
            if matches!(command, NodeCommand::Evict(_)) {
                // The bus has removed the session already.
                registry.mark_absent(id.number);
            }
            registry.session(id.number).map(|(_, buffer)| buffer)
        };
        let Some(buffer) = buffer else { return };
        buffer.command(match command {
            NodeCommand::Evict(_) => SessionCommand::Replaced,
            NodeCommand::Disconnect(_, reason) => {
                SessionCommand::Disconnect { reason: (!reason.is_empty()).then(|| Arc::new(reason.clone())) }
            }
        });
    }

    /// Releases the node's leases. Other nodes then remove its remaining sessions at once.
    pub async fn release_leases(&self, timeout: Duration) {
        self.presence.has_ended.store(true, Ordering::Release);
        let has_left = self.sessions() == 0 && self.presence.is_empty();
        let leases = Shard::all().zip(&self.presence.queues).filter_map(|(shard, queue)| {
            let epoch = queue.epoch();
            (epoch > 0).then_some(Lease { shard, node: self.node, epoch })
        });
        let resigned = join_all(leases.map(|lease| self.bus.release_lease(lease, has_left)));
        let answers = tokio::time::timeout(timeout, resigned).await.unwrap_or_default();
        for error in answers.into_iter().filter_map(Result::err) {
            tracing::debug!(%error, "cannot release a lease; it expires by itself");
        }
    }
}

/// Returns the milliseconds since then.
fn age(since: u64) -> u64 {
    uptime_millis().saturating_sub(since)
}
