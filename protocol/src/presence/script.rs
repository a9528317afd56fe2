//! The scripts of presence, with their keys and arguments, for any Redis client.

use super::words::{Change, Past, Policy};
use crate::channel::Kind;
use crate::inbox::Bounds;
use crate::script::{Call, Script};
use crate::{Channel, ConnectionId, Keys, NodeId, Order, Shard};

/// Users that are told offline in one call.
const MOST_OFFLINE: usize = 200;
/// Users of a piece that is looked through for the sessions of a lease.
const PIECE: usize = 500;
/// Milliseconds for which a lease that has ended is nobody else's to clear up.
const CLAIM_MILLIS: u64 = 2_000;

/// A node's lease in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: Shard,
    /// The node.
    pub node: NodeId,
    /// The first is 1; another one begins whenever the lease is lost.
    pub epoch: u64,
}

/// What holds for presence on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Milliseconds that a lease lives which is not renewed.
    pub lease_millis: u64,
    /// Milliseconds for which a user without a session is not yet offline.
    pub grace_millis: u64,
    /// How many sessions a user may have.
    pub policy: Policy,
    /// How much of the inbox is kept.
    pub inbox: Bounds,
}

/// Which of a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// This one.
    pub connection: Option<ConnectionId>,
    /// Those of this device.
    pub device: Option<String>,
}

/// Renews the lease, which then lives for so long, or enters it; says which orders were carried out. Answered as
/// [`Renewed::parse`](super::Renewed::parse) reads.
pub fn renew(keys: &Keys, lease: Lease, enter: bool, settings: &Settings, done: &[Order]) -> Call {
    let verb = if enter { "enter" } else { "renew" };
    let mut arguments = lease.words();
    arguments.extend([settings.lease_millis.to_string(), verb.to_owned()]);
    arguments.extend(settings.words());
    arguments.extend([MOST_OFFLINE.to_string(), CLAIM_MILLIS.to_string()]);
    arguments.extend(done.iter().map(Order::encode));
    Call { script: Script::PresenceRenew, keys: all_keys(keys, lease.shard), arguments }
}

/// Writes what has changed, as the batch of that number, which has to be higher each time. Answered as
/// [`Changed::parse`](super::Changed::parse) reads.
pub fn change<'a>(
    keys: &Keys,
    lease: Lease,
    batch: u64,
    settings: &Settings,
    changes: impl IntoIterator<Item = &'a Change>,
) -> Call {
    let mut arguments = lease.words();
    let ([grace, entries, age], policy) = (settings.words(), settings.policy);
    let when_full = policy.when_full.as_str().to_owned();
    arguments.extend([batch.to_string(), grace, policy.most.to_string(), when_full, entries, age]);
    for change in changes {
        let (past, connection) = (change.past.as_str().to_owned(), change.connection.to_string());
        arguments.extend([past, user(&change.user).to_owned(), connection]);
        if change.past != Past::Left {
            let device = change.device.as_deref().unwrap_or_default().to_owned();
            arguments.extend([change.age.to_string(), change.transport.as_str().to_owned(), device]);
        }
    }
    Call { script: Script::PresenceChange, keys: all_keys(keys, lease.shard), arguments }
}

/// Removes a piece of the sessions of a lease that has ended; answered with the next cursor, which is 0 at the end.
pub fn clear(keys: &Keys, shard: Shard, lease: &str, cursor: &str, settings: &Settings) -> Call {
    let (piece, grace, claim) = (PIECE.to_string(), settings.grace_millis.to_string(), CLAIM_MILLIS.to_string());
    let words = [lease, cursor, &piece, &grace, &claim];
    Call {
        script: Script::PresenceClear,
        keys: all_keys(keys, shard),
        arguments: words.map(str::to_owned).to_vec(),
    }
}

/// Gives the lease back. `has_left`: the node has said goodbye for all of its sessions.
pub fn resign(keys: &Keys, lease: Lease, has_left: bool) -> Call {
    let mut arguments = lease.words();
    arguments.push(if has_left { "left" } else { "" }.to_owned());
    Call { script: Script::PresenceResign, keys: all_keys(keys, lease.shard), arguments }
}

/// Orders nodes to end sessions of a user, for that reason; answered with their connections.
pub fn disconnect(keys: &Keys, user_id: &str, filter: &Filter, reason: &str) -> Call {
    let connection = filter.connection.map_or_else(String::new, |id| id.to_string());
    let device = filter.device.clone().unwrap_or_default();
    let which = if filter.device.is_some() { "this" } else { "any" };
    Call {
        script: Script::PresenceDisconnect,
        keys: all_keys(keys, Shard::of(user_id)),
        arguments: vec![user_id.to_owned(), connection, device, which.to_owned(), reason.to_owned()],
    }
}

/// The next users of a shard who are online, in the order of their ids, behind that one; answered with their ids and
/// entries in turns.
pub fn page(keys: &Keys, shard: Shard, after: &str, most: usize) -> Call {
    let begin = if after.is_empty() { "-".to_owned() } else { format!("({after}") };
    let arguments = vec![begin, most.to_string()];
    Call { script: Script::PresencePage, keys: all_keys(keys, shard), arguments }
}

impl Lease {
    fn words(self) -> Vec<String> {
        vec![self.node.to_string(), self.epoch.to_string()]
    }
}

impl Settings {
    fn words(&self) -> [String; 3] {
        [self.grace_millis, self.inbox.length, self.inbox.age_millis].map(|number| number.to_string())
    }
}

fn all_keys(keys: &Keys, shard: Shard) -> Vec<String> {
    vec![
        keys.online(shard),
        keys.online_users(shard),
        keys.leaving(shard),
        keys.leases(shard),
        keys.ended_leases(shard),
        keys.presence_notes(shard),
        keys.inbox(shard),
        keys.orders(shard),
    ]
}

/// The user's id.
fn user(channel: &Channel) -> &str {
    match channel.kind() {
        Kind::User(id) => id,
        _ => channel.as_str(),
    }
}
