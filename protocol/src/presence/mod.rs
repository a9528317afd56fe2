//! Presence: which users are online, on which devices, since when.
//!
//! Input: sessions that join and leave a node. Output: script calls, and `user.online` and
//! `user.offline` events in the inbox. The scripts decide; this module only encodes and parses.
//!
//! Presence is sharded by user, in the slots of the inbox. One script therefore changes a user's
//! entry and appends the event to the inbox atomically: exactly one event for each change. A node
//! holds a *lease* in every shard and writes its sessions under that lease. When a lease ends, any
//! node clears its sessions. A node that lost its lease starts a new *epoch* and writes all of its
//! sessions again.

mod change;
mod entry;
mod script;

pub use change::{Change, ChangeResult, JoinResult, LeaseStatus, Renewed, SessionChange, SessionPolicy, WhenFull};
pub use entry::{OnlineUser, OpenSession};
pub use script::{Filter, Lease, Settings, change, clear, disconnect, page, renew, resign};

#[cfg(test)]
mod tests;
