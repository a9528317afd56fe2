//! One shard of presence, in memory. Times are in milliseconds since the Unix epoch.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::inbox::Entry;
use wirebell_protocol::presence::{
    Change, ChangeResult, Filter, JoinResult, Lease, LeaseStatus, OnlineUser, OpenSession, Renewed, SessionChange,
    Settings, WhenFull,
};
use wirebell_protocol::{ConnectionId, NodeCommand, NodeId, Shard};

/// If no lease was renewed for this long, the process itself was paused, not its nodes.
const PAUSE_MILLIS: u64 = 1_250;

/// All shards.
#[derive(Default)]
pub(super) struct PresenceShards(HashMap<Shard, PresenceShard>);

impl PresenceShards {
    pub(super) fn get_mut(&mut self, shard: Shard) -> &mut PresenceShard {
        self.0.entry(shard).or_default()
    }
}

/// The online users of a shard, and the leases of the nodes.
#[derive(Default)]
pub(super) struct PresenceShard {
    online: BTreeMap<String, OnlineUser>,
    /// Users without a session, and when they count as offline.
    leaving: HashMap<String, u64>,
    /// When each lease expires.
    leases: HashMap<LeaseId, u64>,
    /// Ended leases, and when their nodes last renewed them.
    ended: HashMap<LeaseId, u64>,
    batches: HashMap<LeaseId, u64>,
    commands: HashMap<NodeId, Vec<NodeCommand>>,
    renewed_at: u64,
    /// Until then no lease expires.
    hold_until: u64,
    events: Vec<Entry>,
}

/// Identifies a lease within a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LeaseId {
    node: NodeId,
    epoch: u64,
}

impl LeaseId {
    pub(super) fn of(lease: Lease) -> Self {
        Self { node: lease.node, epoch: lease.epoch }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (node, epoch) = text.split_once('/')?;
        Some(Self { node: node.parse().ok()?, epoch: epoch.parse().ok()? })
    }

    fn name(self) -> String {
        format!("{}/{}", self.node, self.epoch)
    }

    fn owns(self, session: &OpenSession) -> bool {
        self.node == session.connection.node && self.epoch == session.epoch
    }
}

impl PresenceShard {
    /// Renews or starts a node's lease, as `renew.lua` does in Redis.
    pub(super) fn renew(
        &mut self,
        id: LeaseId,
        create: bool,
        settings: &Settings,
        done: &[NodeCommand],
        now: u64,
    ) -> Renewed {
        if self.renewed_at > 0 && (now < self.renewed_at || now - self.renewed_at > PAUSE_MILLIS) {
            self.hold_until = now + settings.lease_millis;
        }
        self.renewed_at = now;
        let status =
            if create || self.leases.contains_key(&id) { LeaseStatus::Valid } else { LeaseStatus::Unknown };
        if create {
            let older: Vec<LeaseId> =
                self.leases.keys().copied().filter(|lease| lease.node == id.node && *lease != id).collect();
            for lease in older {
                self.end(lease, now);
            }
        }
        if status == LeaseStatus::Valid {
            self.leases.insert(id, now + settings.lease_millis);
        }
        if now >= self.hold_until {
            self.expire(settings, now);
        }
        if let Some(commands) = self.commands.get_mut(&id.node) {
            commands.retain(|command| !done.contains(command));
        }
        Renewed {
            status,
            batch: self.batches.get(&id).copied().unwrap_or_default(),
            users: self.online.len() as u64,
            to_clear: self.ended.keys().next().map(|lease| lease.name()),
            more: false,
            commands: self.commands.get(&id.node).cloned().unwrap_or_default(),
        }
    }

    fn end(&mut self, lease: LeaseId, last_renewed: u64) {
        self.leases.remove(&lease);
        self.ended.insert(lease, last_renewed);
    }

    /// Ends the leases that were not renewed in time, and reports the users that are offline now.
    fn expire(&mut self, settings: &Settings, now: u64) {
        let expired: Vec<(LeaseId, u64)> =
            self.leases.iter().filter(|(_, until)| **until <= now).map(|(lease, until)| (*lease, *until)).collect();
        for (lease, until) in expired {
            self.end(lease, until.saturating_sub(settings.lease_millis));
        }
        let due: Vec<(String, u64)> = {
            let due = self.leaving.iter().filter(|(_, at)| **at <= now);
            due.map(|(user, at)| (user.clone(), *at)).collect()
        };
        for (user, at) in due {
            self.leaving.remove(&user);
            if let Some(offline) = self.online.remove(&user) {
                let until = at.saturating_sub(settings.grace_millis);
                self.push_event("offline", user, now, format!(r#"{{"since":{},"until":{until}}}"#, offline.since));
            }
        }
    }

    fn push_event(&mut self, what: &'static str, user: String, at: u64, data: String) {
        self.events.push(Entry {
            id: format!("{what}-{at}-{user}"),
            kind: format!("user.{what}"),
            user,
            at,
            data,
            connection: None,
            device: None,
            reference: None,
            traceparent: None,
        });
    }

    /// Takes the presence events that belong into the inbox.
    pub(super) fn take_events(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.events)
    }

    /// Applies a batch of changes, as `change.lua` does in Redis.
    pub(super) fn apply_changes(
        &mut self,
        id: LeaseId,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
        now: u64,
    ) -> ChangeResult {
        if !self.leases.contains_key(&id) {
            return ChangeResult::LeaseEnded;
        }
        if self.batches.get(&id).is_some_and(|last| *last >= batch) {
            return ChangeResult::Stale;
        }
        self.batches.insert(id, batch);
        let mut unwanted = Vec::new();
        for change in changes {
            if change.kind == SessionChange::Leave {
                self.leave(change, settings, now);
            } else {
                self.join(id, change, settings, now, &mut unwanted);
            }
        }
        ChangeResult::Done(unwanted)
    }

    /// Adds a session, or replaces its entry. Appends the sessions that must close to `unwanted`.
    fn join(
        &mut self,
        id: LeaseId,
        change: &Change,
        settings: &Settings,
        now: u64,
        unwanted: &mut Vec<(JoinResult, ConnectionId)>,
    ) {
        let user = user(change).to_owned();
        let known = self.online.remove(&user);
        if known.is_none() {
            self.push_event("online", user.clone(), now, format!(r#"{{"since":{now}}}"#));
        }
        let mut online = known.unwrap_or(OnlineUser { since: now, sessions: Vec::new() });
        self.leaving.remove(&user);
        let session = OpenSession {
            connection: change.connection,
            epoch: id.epoch,
            since: now.saturating_sub(change.age),
            transport: change.transport,
            device: change.device.as_deref().map(str::to_owned),
        };
        let index = online.sessions.iter().position(|known| known.connection == session.connection);
        match index {
            Some(index) => online.sessions[index] = session,
            None if settings.policy.max_sessions == 0 => online.sessions.push(session),
            None => {
                let is_new = change.kind == SessionChange::Join;
                let mut excess = self.enforce_policy(&mut online.sessions, session, is_new, settings, now);
                let elsewhere =
                    excess.iter().filter(|(why, other)| *why == JoinResult::Replaced && other.node != id.node);
                for (_, connection) in elsewhere {
                    self.push_command(NodeCommand::Evict(*connection));
                }
                unwanted.append(&mut excess);
            }
        }
        self.online.insert(user, online);
    }

    /// Adds a session within the limits of the policy, and returns the sessions that must end.
    fn enforce_policy(
        &self,
        sessions: &mut Vec<OpenSession>,
        session: OpenSession,
        is_new: bool,
        settings: &Settings,
        now: u64,
    ) -> Vec<(JoinResult, ConnectionId)> {
        sessions.retain(|session| {
            let until = self.leases.iter().find(|(lease, _)| lease.owns(session)).map(|(_, until)| *until);
            until.is_some_and(|until| until > now || now < self.hold_until)
        });
        let max = usize::try_from(settings.policy.max_sessions).unwrap_or(usize::MAX);
        if sessions.len() >= max && settings.policy.when_full == WhenFull::Refuse {
            let why = if is_new { JoinResult::Rejected } else { JoinResult::Replaced };
            return vec![(why, session.connection)];
        }
        sessions.push(session);
        let mut replaced = Vec::new();
        while sessions.len() > max {
            let oldest =
                sessions.iter().enumerate().min_by_key(|(_, session)| session.since).map(|(index, _)| index);
            let removed = sessions.remove(oldest.unwrap_or_default());
            replaced.push((JoinResult::Replaced, removed.connection));
        }
        replaced
    }

    fn leave(&mut self, change: &Change, settings: &Settings, now: u64) {
        let user = user(change);
        let Some(online) = self.online.get_mut(user) else { return };
        let before = online.sessions.len();
        online.sessions.retain(|session| session.connection != change.connection);
        if online.sessions.is_empty() && before > 0 {
            self.leaving.insert(user.to_owned(), now + settings.grace_millis);
        }
    }

    fn push_command(&mut self, command: NodeCommand) {
        self.commands.entry(command.connection().node).or_default().push(command);
    }

    pub(super) fn clear_sessions(&mut self, lease: LeaseId, settings: &Settings, now: u64) {
        let Some(last_renewed) = self.ended.remove(&lease) else { return };
        self.batches.remove(&lease);
        for (user, online) in &mut self.online {
            let before = online.sessions.len();
            online.sessions.retain(|session| !lease.owns(session));
            if online.sessions.is_empty() && before > 0 {
                self.leaving.insert(user.clone(), now.max(last_renewed + settings.grace_millis));
            }
        }
    }

    pub(super) fn release(&mut self, lease: LeaseId, has_left: bool, now: u64) {
        if self.leases.remove(&lease).is_none() {
            return;
        }
        if has_left {
            self.batches.remove(&lease);
        } else {
            self.ended.insert(lease, now);
        }
    }

    pub(super) fn find_online(&self, user: &str) -> Option<OnlineUser> {
        self.online.get(user).cloned()
    }

    pub(super) fn online_page(&self, after: &str, limit: usize) -> Vec<(String, OnlineUser)> {
        let users = self.online.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
        users.take(limit).map(|(user, online)| (user.clone(), online.clone())).collect()
    }

    pub(super) fn disconnect(&mut self, user: &str, filter: &Filter, reason: &str) -> Vec<ConnectionId> {
        let sessions = self.online.get(user).map(|online| online.sessions.as_slice()).unwrap_or_default();
        let matches = |session: &&OpenSession| {
            filter.connection.is_none_or(|id| id == session.connection)
                && filter.device.as_ref().is_none_or(|device| Some(device) == session.device.as_ref())
        };
        let connections: Vec<ConnectionId> =
            sessions.iter().filter(matches).map(|session| session.connection).collect();
        for connection in &connections {
            self.push_command(NodeCommand::Disconnect(*connection, reason.to_owned()));
        }
        connections
    }
}

fn user(change: &Change) -> &str {
    match change.user.kind() {
        Kind::User(id) => id,
        _ => change.user.as_str(),
    }
}
