//! Presence: who is online, on which devices, since when.
//!
//! It is spread over shards by the user, in the slots of the inbox, so that one script changes a user's entry and puts
//! `user.online` or `user.offline` on the inbox: exactly one event a change. A node holds a *lease* in every shard, and
//! enters its sessions under it. Once a lease has ended its sessions are cleared up by whoever finds it, and a node that
//! comes back begins another *epoch*: it enters all of its sessions anew.

mod entry;
mod script;
mod words;

pub use entry::{Online, Open};
pub use script::{Filter, Lease, Settings, change, clear, disconnect, page, renew, resign};
pub use words::{Admitted, Change, Changed, Past, Policy, Renewed, Standing, WhenFull};

#[cfg(test)]
mod tests;
