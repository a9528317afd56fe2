//! Presence on the bus: the online users, as reported by the nodes that hold their sessions.
//!
//! Every bus gives these guarantees, and the contract suite tests each bus against them:
//! - `user.online` is added to the inbox when a user gets a first session, and `user.offline` once
//!   the user has had no session for the grace period. Each change is one event, and the events are
//!   in order.
//! - If a node does not renew its lease in time, the lease ends and its sessions are removed. The
//!   node learns that when it renews next. While the bus itself is down, no lease ends.
//! - Writing a batch twice has no effect, and an older batch has no effect after a newer one.
//! - A user never has more sessions than the policy allows. The shard of the user decides which
//!   sessions stay.

use async_trait::async_trait;
use wirebell_protocol::presence::{Change, ChangeResult, Filter, Lease, OnlineUser, Renewed, Settings};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard};

use super::error::BusError;

/// The presence store of a bus. The module documents its guarantees.
#[async_trait]
pub trait Presence: Send + Sync + 'static {
    /// Renews the node's lease in the shard, or creates it, and processes what is due in the shard.
    /// `done` are commands that the node has executed.
    async fn renew_lease(
        &self,
        lease: Lease,
        create: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError>;

    /// Writes changes of the node's sessions as a batch. Batch numbers must increase. Nodes whose
    /// sessions are replaced get a command.
    async fn apply_changes(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError>;

    /// Removes some sessions of an ended lease, starting at the cursor (`None`: the beginning).
    /// Returns the next cursor, or `None` at the end.
    async fn clear_sessions(
        &self,
        shard: Shard,
        lease: &str,
        cursor: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<String>, BusError>;

    /// Gives up the lease. `has_left`: the node has written that all of its sessions ended.
    async fn release_lease(&self, lease: Lease, has_left: bool) -> Result<(), BusError>;

    /// Returns the user's entry, or `None` if the user is offline.
    async fn find_online(&self, user: &str) -> Result<Option<OnlineUser>, BusError>;

    /// Returns up to `limit` online users of the shard after this id, ordered by id.
    async fn online_page(
        &self,
        shard: Shard,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, OnlineUser)>, BusError>;

    /// Commands the nodes to end the user's sessions that match the filter. Returns their ids.
    async fn disconnect(&self, user: &str, filter: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError>;
}
