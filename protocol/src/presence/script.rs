//! Calls of the presence scripts: keys and arguments, for any Redis client.

use super::change::{Change, SessionChange, SessionPolicy};
use crate::channel::Kind;
use crate::inbox::Bounds;
use crate::script::{Call, Script};
use crate::{Channel, ConnectionId, Keys, NodeCommand, NodeId, Shard};

/// Maximum number of users that one call sets offline.
const MAX_OFFLINE: usize = 200;
/// Number of users that one call scans for the sessions of an ended lease.
const SCAN_COUNT: usize = 500;
/// Milliseconds for which clearing an ended lease is reserved for one node.
const CLAIM_MILLIS: u64 = 2_000;

/// The lease of a node in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: Shard,
    /// The node.
    pub node: NodeId,
    /// Number of the lease: 1 for the first, one more each time the node loses its lease.
    pub epoch: u64,
}

/// The presence settings of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Lifetime of a lease after its last renewal, in milliseconds.
    pub lease_millis: u64,
    /// Milliseconds from a user's last disconnect to `user.offline`.
    pub grace_millis: u64,
    /// Limit on the sessions of one user.
    pub policy: SessionPolicy,
    /// Bounds of the inbox.
    pub inbox: Bounds,
}

/// Selects sessions of a user. Without a field, every session matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Match only this connection.
    pub connection: Option<ConnectionId>,
    /// Match only sessions of this device.
    pub device: Option<String>,
}

/// Renews the lease, or starts it if `enter` is set. `done` are the commands that the node has
/// executed. [`Renewed::parse`](super::Renewed::parse) parses the reply.
pub fn renew(keys: &Keys, lease: Lease, enter: bool, settings: &Settings, done: &[NodeCommand]) -> Call {
    let action = if enter { "enter" } else { "renew" };
    let mut arguments = lease.arguments();
    arguments.extend([settings.lease_millis.to_string(), action.to_owned()]);
    arguments.extend(settings.arguments());
    arguments.extend([MAX_OFFLINE.to_string(), CLAIM_MILLIS.to_string()]);
    arguments.extend(done.iter().map(NodeCommand::encode));
    Call { script: Script::PresenceRenew, keys: all_keys(keys, lease.shard), arguments }
}

/// Writes a batch of changes. The batch number must increase with every call.
/// [`ChangeResult::parse`](super::ChangeResult::parse) parses the reply.
pub fn change<'a>(
    keys: &Keys,
    lease: Lease,
    batch: u64,
    settings: &Settings,
    changes: impl IntoIterator<Item = &'a Change>,
) -> Call {
    let mut arguments = lease.arguments();
    let ([grace, entries, age], policy) = (settings.arguments(), settings.policy);
    let when_full = policy.when_full.as_str().to_owned();
    arguments.extend([batch.to_string(), grace, policy.max_sessions.to_string(), when_full, entries, age]);
    for change in changes {
        let (kind, connection) = (change.kind.as_str().to_owned(), change.connection.to_string());
        arguments.extend([kind, user(&change.user).to_owned(), connection]);
        if change.kind != SessionChange::Leave {
            let device = change.device.as_deref().unwrap_or_default().to_owned();
            arguments.extend([change.age.to_string(), change.transport.as_str().to_owned(), device]);
        }
    }
    Call { script: Script::PresenceChange, keys: all_keys(keys, lease.shard), arguments }
}

/// Removes part of the sessions of an ended lease. The reply is the next cursor, 0 at the end.
pub fn clear(keys: &Keys, shard: Shard, lease: &str, cursor: &str, settings: &Settings) -> Call {
    let (count, grace, claim) =
        (SCAN_COUNT.to_string(), settings.grace_millis.to_string(), CLAIM_MILLIS.to_string());
    let arguments = [lease, cursor, &count, &grace, &claim];
    Call {
        script: Script::PresenceClear,
        keys: all_keys(keys, shard),
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

/// Gives the lease back. `has_left` means that all sessions of the node have already left.
pub fn resign(keys: &Keys, lease: Lease, has_left: bool) -> Call {
    let mut arguments = lease.arguments();
    arguments.push(if has_left { "left" } else { "" }.to_owned());
    Call { script: Script::PresenceResign, keys: all_keys(keys, lease.shard), arguments }
}

/// Sends commands to disconnect sessions of a user. The reply lists their connections.
pub fn disconnect(keys: &Keys, user_id: &str, filter: &Filter, reason: &str) -> Call {
    let connection = filter.connection.map_or_else(String::new, |id| id.to_string());
    let device = filter.device.clone().unwrap_or_default();
    let device_match = if filter.device.is_some() { "this" } else { "any" };
    Call {
        script: Script::PresenceDisconnect,
        keys: all_keys(keys, Shard::of(user_id)),
        arguments: vec![user_id.to_owned(), connection, device, device_match.to_owned(), reason.to_owned()],
    }
}

/// Lists online users of a shard in the order of their ids, starting after `after`. The reply
/// alternates ids and entries.
pub fn page(keys: &Keys, shard: Shard, after: &str, max: usize) -> Call {
    let begin = if after.is_empty() { "-".to_owned() } else { format!("({after}") };
    let arguments = vec![begin, max.to_string()];
    Call { script: Script::PresencePage, keys: all_keys(keys, shard), arguments }
}

impl Lease {
    fn arguments(self) -> Vec<String> {
        vec![self.node.to_string(), self.epoch.to_string()]
    }
}

impl Settings {
    fn arguments(&self) -> [String; 3] {
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
        keys.node_commands(shard),
    ]
}

/// Returns the user's id.
fn user(channel: &Channel) -> &str {
    match channel.kind() {
        Kind::User(id) => id,
        _ => channel.as_str(),
    }
}
