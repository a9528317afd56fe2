//! Presence, as a bus keeps it: who is online, told by the nodes that hold the sessions.
//!
//! What every bus promises, and the contract suite checks of each:
//! - `user.online` goes to the inbox when a user has a first session, and `user.offline` once the user has had none for
//!   the time of grace: one event for each change, in their order.
//! - A node that does not renew its lease in time is given up: its sessions are cleared up, and it is told when it
//!   comes back. While the bus itself was away, nobody is given up.
//! - Writing a change twice is writing it once, and an older batch does nothing after a newer one.
//! - Of a user's sessions there are never more than the policy has; which of them there are is decided where the user's
//!   entry is.

use async_trait::async_trait;
use wirebell_protocol::presence::{Change, ChangeResult, Filter, Lease, OnlineUser, Renewed, Settings};
use wirebell_protocol::{ConnectionId, NodeCommand, Shard};

use super::BusError;

/// What a bus knows of who is online. See the module for what it promises.
#[async_trait]
pub trait Presence: Send + Sync + 'static {
    /// Renews the node's lease in the shard, or enters it, and does what is due there. `done` are orders that the node
    /// has carried out.
    async fn renew(
        &self,
        lease: Lease,
        enter: bool,
        settings: &Settings,
        done: &[NodeCommand],
    ) -> Result<Renewed, BusError>;

    /// Writes what has changed among the node's sessions, as the batch of that number, which has to be higher each time.
    /// Nodes whose sessions are replaced are told.
    async fn change(
        &self,
        lease: Lease,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
    ) -> Result<ChangeResult, BusError>;

    /// Clears up a piece of the sessions of a lease that has ended, from that cursor on; none is the beginning. Answers
    /// where to go on; none at the end.
    async fn clear(
        &self,
        shard: Shard,
        lease: &str,
        cursor: Option<&str>,
        settings: &Settings,
    ) -> Result<Option<String>, BusError>;

    /// Gives the lease back. `has_left`: the node has said goodbye for all of its sessions.
    async fn resign(&self, lease: Lease, has_left: bool) -> Result<(), BusError>;

    /// The user's entry; none if the user is not online.
    async fn online(&self, user: &str) -> Result<Option<OnlineUser>, BusError>;

    /// The shard's users who are online, in the order of their ids, behind that one.
    async fn page(&self, shard: Shard, after: &str, most: usize) -> Result<Vec<(String, OnlineUser)>, BusError>;

    /// Orders the nodes to end sessions of a user; answers which.
    async fn disconnect(&self, user: &str, which: &Filter, reason: &str) -> Result<Vec<ConnectionId>, BusError>;
}
