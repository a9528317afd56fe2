//! Who listens for what: pure bookkeeping. It does no I/O, reads no clock and decides nothing but edges.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wirebell_protocol::announcement::Place;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ConnectionId, Cursor};

use super::chain::{Chain, Left, Verdict};
use super::outbox::Outbox;

/// Milliseconds by a clock of the caller's that only goes forward.
pub(super) type Millis = u64;

/// The sessions of this node, and the channels that they listen for.
pub(super) struct Registry {
    sessions: HashMap<u64, Session>,
    channels: HashMap<Channel, Entry>,
    pending: VecDeque<Channel>,
    idle: VecDeque<(Millis, Channel)>,
}

struct Session {
    outbox: Arc<Outbox>,
    /// Of the connection's own channel, which is announced on the node's: its log is empty at birth.
    chain: Chain,
}

struct Entry {
    members: Vec<Arc<Outbox>>,
    chain: Chain,
    standing: Standing,
}

/// How far the bus is with a channel.
enum Standing {
    /// It has to be subscribed; these want to know when it is.
    Pending(Vec<Waker>),
    /// It is subscribed.
    Live,
    /// It is subscribed, and nobody has listened since.
    Idle(Millis),
    /// It is being unsubscribed.
    Leaving,
}

impl Registry {
    /// Every node listens for `all`, whoever is connected.
    pub(super) fn new() -> Self {
        let mut registry = Self {
            sessions: HashMap::new(),
            channels: HashMap::new(),
            pending: VecDeque::new(),
            idle: VecDeque::new(),
        };
        registry.entry(&Channel::all());
        registry
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn everyone(&self) -> Vec<Arc<Outbox>> {
        self.sessions.values().map(|session| Arc::clone(&session.outbox)).collect()
    }

    pub(super) fn enter(&mut self, id: ConnectionId, outbox: Arc<Outbox>) {
        let mut chain = Chain::default();
        chain.confirm(Cursor::START);
        self.sessions.insert(id.number, Session { outbox, chain });
    }

    pub(super) fn exit(&mut self, id: ConnectionId) {
        self.sessions.remove(&id.number);
        // A storm of goodbyes must not leave its tables behind.
        if self.sessions.len() * 4 < self.sessions.capacity() {
            self.sessions.shrink_to(self.sessions.len() * 2);
        }
    }

    /// Adds a listener. True if somebody has to be told that there is a channel to subscribe.
    pub(super) fn join(&mut self, channel: &Channel, outbox: &Arc<Outbox>) -> bool {
        let before = self.pending.len();
        let entry = self.entry(channel);
        if matches!(entry.standing, Standing::Idle(_)) {
            entry.standing = Standing::Live;
        }
        entry.members.reserve_exact(1);
        entry.members.push(Arc::clone(outbox));
        self.pending.len() > before
    }

    /// Removes a listener. True if it was the last one.
    pub(super) fn leave(&mut self, channel: &Channel, outbox: &Arc<Outbox>, now: Millis) -> bool {
        let Some(entry) = self.channels.get_mut(channel) else { return false };
        entry.members.retain(|member| !Arc::ptr_eq(member, outbox));
        let last = entry.members.is_empty() && matches!(entry.standing, Standing::Live);
        if last {
            entry.standing = Standing::Idle(now);
            self.idle.push_back((now, channel.clone()));
        }
        last
    }

    /// Ready once the channel is subscribed.
    pub(super) fn poll_live(&mut self, channel: &Channel, context: &Context<'_>) -> Poll<()> {
        match self.channels.get_mut(channel).map(|entry| &mut entry.standing) {
            Some(Standing::Pending(wakers)) => {
                wakers.push(context.waker().clone());
                Poll::Pending
            }
            // It will be pending again in a moment.
            Some(Standing::Leaving) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Channels to subscribe, at most so many; they stay pending until they are confirmed.
    pub(super) fn take_pending(&mut self, most: usize) -> Vec<Channel> {
        let count = self.pending.len().min(most);
        self.pending.drain(..count).collect()
    }

    /// It did not work out: they are next again.
    pub(super) fn retry(&mut self, channels: Vec<Channel>) {
        for channel in channels.into_iter().rev() {
            self.pending.push_front(channel);
        }
    }

    /// These are subscribed, and their logs end there. Answers who waits for it.
    pub(super) fn confirm(&mut self, channels: &[Channel], ends: &[Cursor], now: Millis) -> Vec<Waker> {
        let mut waiting = Vec::new();
        for (channel, end) in channels.iter().zip(ends) {
            let Some(entry) = self.channels.get_mut(channel) else { continue };
            entry.chain.confirm(*end);
            if let Standing::Pending(wakers) = std::mem::replace(&mut entry.standing, Standing::Live) {
                waiting.extend(wakers);
            }
            // Whoever wanted it has gone meanwhile.
            if entry.members.is_empty() && channel.kind() != Kind::All {
                entry.standing = Standing::Idle(now);
                self.idle.push_back((now, channel.clone()));
            }
        }
        waiting
    }

    /// When the channel that has been idle longest became so.
    pub(super) fn idle_since(&self) -> Option<Millis> {
        self.idle.front().map(|(since, _)| *since)
    }

    /// Channels that nobody has listened to since `before`, at most so many.
    pub(super) fn take_idle(&mut self, before: Millis, most: usize) -> Vec<Channel> {
        let mut taken = Vec::new();
        while taken.len() < most && self.idle.front().is_some_and(|(since, _)| *since <= before) {
            let Some((since, channel)) = self.idle.pop_front() else { break };
            // Somebody may have come and gone since; then there is a later note of it.
            let Some(entry) = self.channels.get_mut(&channel) else { continue };
            if matches!(entry.standing, Standing::Idle(noted) if noted == since) {
                entry.standing = Standing::Leaving;
                taken.push(channel);
            }
        }
        taken
    }

    /// These are unsubscribed. Whoever came meanwhile has to be subscribed for again.
    pub(super) fn left(&mut self, channels: Vec<Channel>) {
        for channel in channels {
            if self.channels.get(&channel).is_some_and(|entry| entry.members.is_empty()) {
                self.channels.remove(&channel);
            } else if let Some(entry) = self.channels.get_mut(&channel) {
                entry.standing = Standing::Pending(Vec::new());
                entry.chain = Chain::default();
                self.pending.push_back(channel);
            }
        }
    }

    pub(super) fn judge(&mut self, channel: &Channel, place: Place) -> Option<Verdict> {
        self.chain(channel).map(|chain| chain.judge(place))
    }

    pub(super) fn advance(&mut self, channel: &Channel, cursor: Cursor) -> bool {
        self.chain(channel).is_some_and(|chain| chain.advance(cursor))
    }

    pub(super) fn repaired(&mut self, channel: &Channel, complete: bool) -> Left {
        self.chain(channel).map_or(Left::Nothing, |chain| chain.repaired(complete))
    }

    pub(super) fn suspect(&mut self, channel: &Channel) -> Option<Cursor> {
        self.chain(channel).and_then(Chain::suspect)
    }

    /// Every channel, those of connections too, with the cursor behind which its log has to be looked at.
    pub(super) fn suspect_all(&mut self, node: wirebell_protocol::NodeId) -> Vec<(Channel, Cursor)> {
        let channels =
            self.channels.iter_mut().filter_map(|(channel, entry)| Some((channel.clone(), entry.chain.suspect()?)));
        let connections = self.sessions.iter_mut().filter_map(|(number, session)| {
            let id = ConnectionId { node, number: *number };
            Some((Channel::connection(id), session.chain.suspect()?))
        });
        channels.chain(connections).collect()
    }

    /// Who gets what is announced on the channel.
    pub(super) fn recipients(&self, channel: &Channel, into: &mut Vec<Arc<Outbox>>) {
        match channel.kind() {
            Kind::All => into.extend(self.sessions.values().map(|session| Arc::clone(&session.outbox))),
            Kind::Connection(id) => into.extend(self.sessions.get(&id.number).map(|s| Arc::clone(&s.outbox))),
            _ => {
                into.extend(self.channels.get(channel).into_iter().flat_map(|entry| entry.members.iter().cloned()));
            }
        }
    }

    fn chain(&mut self, channel: &Channel) -> Option<&mut Chain> {
        match channel.kind() {
            Kind::Connection(id) => self.sessions.get_mut(&id.number).map(|session| &mut session.chain),
            _ => self.channels.get_mut(channel).map(|entry| &mut entry.chain),
        }
    }

    fn entry(&mut self, channel: &Channel) -> &mut Entry {
        self.channels.entry(channel.clone()).or_insert_with(|| {
            self.pending.push_back(channel.clone());
            Entry { members: Vec::new(), chain: Chain::default(), standing: Standing::Pending(Vec::new()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Channel {
        Channel::user("42").unwrap()
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(100))
    }

    fn live(registry: &mut Registry, channel: &Channel) {
        let pending = registry.take_pending(10);
        assert!(pending.contains(channel));
        registry.confirm(&pending, &vec![Cursor::START; pending.len()], 0);
    }

    #[test]
    fn only_the_first_and_the_last_are_edges() {
        let (mut registry, a, b) = (Registry::new(), outbox(), outbox());
        assert!(registry.join(&user(), &a));
        assert!(!registry.join(&user(), &b));
        live(&mut registry, &user());
        assert!(!registry.leave(&user(), &a, 5));
        assert!(registry.leave(&user(), &b, 5));
    }

    #[test]
    fn whoever_comes_back_within_the_linger_costs_nothing() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a);
        live(&mut registry, &user());
        registry.leave(&user(), &a, 5);
        assert!(!registry.join(&user(), &a));
        assert_eq!(registry.take_idle(100, 10), []);
        // The second goodbye counts from its own time.
        registry.leave(&user(), &a, 50);
        assert_eq!(registry.take_idle(49, 10), []);
        assert_eq!(registry.take_idle(50, 10), [user()]);
    }

    #[test]
    fn whoever_comes_while_it_is_unsubscribed_is_subscribed_again() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a);
        live(&mut registry, &user());
        registry.leave(&user(), &a, 5);
        let leaving = registry.take_idle(5, 10);
        assert!(!registry.join(&user(), &a));
        registry.left(leaving);
        assert_eq!(registry.take_pending(10), [user()]);
    }

    #[test]
    fn whoever_leaves_before_it_is_subscribed_leaves_it_idle() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a);
        registry.leave(&user(), &a, 5);
        live(&mut registry, &user());
        assert_eq!(registry.take_idle(9, 10), [user()]);
        registry.left(vec![user()]);
        assert!(registry.judge(&user(), Place { cursor: Cursor::START, previous: Cursor::START }).is_none());
    }

    #[test]
    fn all_reaches_everyone_and_a_connection_only_itself() {
        let mut registry = Registry::new();
        let node = wirebell_protocol::NodeId::from_bits(1);
        for number in 0..3 {
            registry.enter(ConnectionId { node, number }, outbox());
        }
        let count = |registry: &Registry, channel: &Channel| {
            let mut found = Vec::new();
            registry.recipients(channel, &mut found);
            found.len()
        };
        let own = Channel::connection(ConnectionId { node, number: 1 });
        assert_eq!((count(&registry, &Channel::all()), count(&registry, &own)), (3, 1));
        registry.exit(ConnectionId { node, number: 1 });
        assert_eq!((count(&registry, &Channel::all()), count(&registry, &own)), (2, 0));
    }
}
