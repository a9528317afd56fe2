//! One shard of presence, in memory. Times are milliseconds since the Unix epoch.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::inbox::Entry;
use wirebell_protocol::presence::{
    Change, ChangeResult, Filter, JoinResult, Lease, LeaseStatus, OnlineUser, OpenSession, Renewed, SessionChange,
    Settings, WhenFull,
};
use wirebell_protocol::{ConnectionId, NodeCommand, NodeId};

/// If nobody has renewed for so long, it was the process that was away, and not the nodes.
const LAPSE: u64 = 1_250;

/// Who is online, and the nodes' leases.
#[derive(Default)]
pub(super) struct Part {
    online: BTreeMap<String, OnlineUser>,
    leaving: HashMap<String, u64>,
    leases: HashMap<Held, u64>,
    /// Leases that have ended, and when their nodes were last heard of.
    ended: HashMap<Held, u64>,
    batches: HashMap<Held, u64>,
    commands: HashMap<NodeId, Vec<NodeCommand>>,
    touched: u64,
    /// Until then nobody is given up.
    held: u64,
    told: Vec<Entry>,
}

/// A lease within a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Held {
    node: NodeId,
    epoch: u64,
}

impl Held {
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

    fn is_of(self, session: &OpenSession) -> bool {
        self.node == session.connection.node && self.epoch == session.epoch
    }
}

impl Part {
    pub(super) fn renew(
        &mut self,
        me: Held,
        enter: bool,
        settings: &Settings,
        done: &[NodeCommand],
        now: u64,
    ) -> Renewed {
        if self.touched > 0 && (now < self.touched || now - self.touched > LAPSE) {
            self.held = now + settings.lease_millis;
        }
        self.touched = now;
        let status = if enter || self.leases.contains_key(&me) { LeaseStatus::Valid } else { LeaseStatus::Unknown };
        if enter {
            let older: Vec<Held> =
                self.leases.keys().copied().filter(|lease| lease.node == me.node && *lease != me).collect();
            for lease in older {
                self.end(lease, now);
            }
        }
        if status == LeaseStatus::Valid {
            self.leases.insert(me, now + settings.lease_millis);
        }
        if now >= self.held {
            self.give_up(settings, now);
        }
        if let Some(commands) = self.commands.get_mut(&me.node) {
            commands.retain(|command| !done.contains(command));
        }
        Renewed {
            status,
            batch: self.batches.get(&me).copied().unwrap_or_default(),
            users: self.online.len() as u64,
            to_clear: self.ended.keys().next().map(|lease| lease.name()),
            more: false,
            commands: self.commands.get(&me.node).cloned().unwrap_or_default(),
        }
    }

    fn end(&mut self, lease: Held, heard: u64) {
        self.leases.remove(&lease);
        self.ended.insert(lease, heard);
    }

    /// Ends the leases that were not renewed in time, and tells who is offline.
    fn give_up(&mut self, settings: &Settings, now: u64) {
        let out: Vec<(Held, u64)> =
            self.leases.iter().filter(|(_, till)| **till <= now).map(|(lease, till)| (*lease, *till)).collect();
        for (lease, till) in out {
            self.end(lease, till.saturating_sub(settings.lease_millis));
        }
        let due: Vec<(String, u64)> = {
            let due = self.leaving.iter().filter(|(_, at)| **at <= now);
            due.map(|(user, at)| (user.clone(), *at)).collect()
        };
        for (user, at) in due {
            self.leaving.remove(&user);
            if let Some(gone) = self.online.remove(&user) {
                let until = at.saturating_sub(settings.grace_millis);
                self.tell("offline", user, now, format!(r#"{{"since":{},"until":{until}}}"#, gone.since));
            }
        }
    }

    fn tell(&mut self, what: &'static str, user: String, at: u64, data: String) {
        self.told.push(Entry {
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

    /// What is to be put on the inbox.
    pub(super) fn take_told(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.told)
    }

    pub(super) fn change(
        &mut self,
        me: Held,
        batch: u64,
        settings: &Settings,
        changes: &[Change],
        now: u64,
    ) -> ChangeResult {
        if !self.leases.contains_key(&me) {
            return ChangeResult::LeaseEnded;
        }
        if self.batches.get(&me).is_some_and(|last| *last >= batch) {
            return ChangeResult::Stale;
        }
        self.batches.insert(me, batch);
        let mut unwanted = Vec::new();
        for change in changes {
            if change.kind == SessionChange::Leave {
                self.leave(change, settings, now);
            } else {
                self.enter(me, change, settings, now, &mut unwanted);
            }
        }
        ChangeResult::Done(unwanted)
    }

    fn enter(
        &mut self,
        me: Held,
        change: &Change,
        settings: &Settings,
        now: u64,
        unwanted: &mut Vec<(JoinResult, ConnectionId)>,
    ) {
        let user = user(change).to_owned();
        let known = self.online.remove(&user);
        if known.is_none() {
            self.tell("online", user.clone(), now, format!(r#"{{"since":{now}}}"#));
        }
        let mut online = known.unwrap_or(OnlineUser { since: now, sessions: Vec::new() });
        self.leaving.remove(&user);
        let session = OpenSession {
            connection: change.connection,
            epoch: me.epoch,
            since: now.saturating_sub(change.age),
            transport: change.transport,
            device: change.device.as_deref().map(str::to_owned),
        };
        let at = online.sessions.iter().position(|known| known.connection == session.connection);
        match at {
            Some(at) => online.sessions[at] = session,
            None if settings.policy.max_sessions == 0 => online.sessions.push(session),
            None => {
                let is_new = change.kind == SessionChange::Join;
                let mut turned_away = self.admit(&mut online.sessions, session, is_new, settings, now);
                for (_, connection) in
                    turned_away.iter().filter(|(why, id)| *why == JoinResult::Replaced && id.node != me.node)
                {
                    self.command(NodeCommand::Evict(*connection));
                }
                unwanted.append(&mut turned_away);
            }
        }
        self.online.insert(user, online);
    }

    /// Makes the sessions such as the policy has them; answers those that must not be.
    fn admit(
        &self,
        sessions: &mut Vec<OpenSession>,
        session: OpenSession,
        is_new: bool,
        settings: &Settings,
        now: u64,
    ) -> Vec<(JoinResult, ConnectionId)> {
        sessions.retain(|session| {
            let till = self.leases.iter().find(|(lease, _)| lease.is_of(session)).map(|(_, till)| *till);
            till.is_some_and(|till| till > now || now < self.held)
        });
        let most = usize::try_from(settings.policy.max_sessions).unwrap_or(usize::MAX);
        if sessions.len() >= most && settings.policy.when_full == WhenFull::Refuse {
            let why = if is_new { JoinResult::Rejected } else { JoinResult::Replaced };
            return vec![(why, session.connection)];
        }
        sessions.push(session);
        let mut replaced = Vec::new();
        while sessions.len() > most {
            let oldest = sessions.iter().enumerate().min_by_key(|(_, session)| session.since).map(|(at, _)| at);
            let gone = sessions.remove(oldest.unwrap_or_default());
            replaced.push((JoinResult::Replaced, gone.connection));
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

    fn command(&mut self, command: NodeCommand) {
        self.commands.entry(command.connection().node).or_default().push(command);
    }

    pub(super) fn clear(&mut self, lease: Held, settings: &Settings, now: u64) {
        let Some(heard) = self.ended.remove(&lease) else { return };
        self.batches.remove(&lease);
        for (user, online) in &mut self.online {
            let before = online.sessions.len();
            online.sessions.retain(|session| !lease.is_of(session));
            if online.sessions.is_empty() && before > 0 {
                self.leaving.insert(user.clone(), now.max(heard + settings.grace_millis));
            }
        }
    }

    pub(super) fn resign(&mut self, lease: Held, has_left: bool, now: u64) {
        if self.leases.remove(&lease).is_none() {
            return;
        }
        if has_left {
            self.batches.remove(&lease);
        } else {
            self.ended.insert(lease, now);
        }
    }

    pub(super) fn online(&self, user: &str) -> Option<OnlineUser> {
        self.online.get(user).cloned()
    }

    pub(super) fn page(&self, after: &str, most: usize) -> Vec<(String, OnlineUser)> {
        let behind = self.online.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
        behind.take(most).map(|(user, online)| (user.clone(), online.clone())).collect()
    }

    pub(super) fn disconnect(&mut self, user: &str, which: &Filter, reason: &str) -> Vec<ConnectionId> {
        let sessions = self.online.get(user).map(|online| online.sessions.as_slice()).unwrap_or_default();
        let fits = |session: &&OpenSession| {
            which.connection.is_none_or(|id| id == session.connection)
                && which.device.as_ref().is_none_or(|device| Some(device) == session.device.as_ref())
        };
        let told: Vec<ConnectionId> = sessions.iter().filter(fits).map(|session| session.connection).collect();
        for connection in &told {
            self.command(NodeCommand::Disconnect(*connection, reason.to_owned()));
        }
        told
    }
}

fn user(change: &Change) -> &str {
    match change.user.kind() {
        Kind::User(id) => id,
        _ => change.user.as_str(),
    }
}
