//! Who listens for what: pure bookkeeping. It does no I/O, reads no clock and decides nothing but edges.

mod audience;
mod owner;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wirebell_protocol::announcement::Place;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ConnectionId, Cursor, Transport};

use self::audience::Window;
pub use self::owner::Owner;
use super::chain::{Advance, Chain, Left, Verdict};
use super::line::{Lane, Line};
use super::member::{Course, Member};
use super::outbox::Outbox;
use crate::bus::Ends;

/// Up to so many listeners, a channel's list has no room to spare: most channels are a user's, with a device or two.
const FEW: usize = 8;

/// Milliseconds by a clock of the caller's that only goes forward.
pub(super) type Millis = u64;

/// The sessions of this node, and the channels that they listen for.
pub(super) struct Registry {
    /// In the order in which they came. Boxed, since a tree keeps up to twice the room that it needs.
    sessions: BTreeMap<u64, Box<Session>>,
    channels: HashMap<Channel, Box<Entry>>,
    /// Channels with so many listeners that an event goes to them in slices, while one does.
    windows: HashMap<Channel, Window>,
    pending: VecDeque<Channel>,
    idle: VecDeque<(Millis, Channel)>,
}

/// A session is the only member of its connection's channel, and one of the members of `all`.
struct Session {
    owner: Owner,
    /// How the client is connected, once the bus has been told of the session.
    announced: Option<Transport>,
    own: Member,
    in_all: Course,
    /// Of the retained values of `all`.
    in_all_retained: Course,
    all_since: Cursor,
    /// Of the connection's own channel, which is announced on the node's: its log is empty at birth.
    chain: Chain,
}

struct Entry {
    members: Vec<Member>,
    log: Chain,
    retained: Chain,
    standing: Standing,
}

/// What follows from a confirmed subscription.
#[derive(Default)]
pub(super) struct Confirmed {
    /// Who waits for it.
    pub(super) waiting: Vec<Waker>,
    /// Lines on which something was announced in between: they have to be read behind these cursors.
    pub(super) unread: Vec<(Line, Cursor)>,
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
            sessions: BTreeMap::new(),
            channels: HashMap::new(),
            windows: HashMap::new(),
            pending: VecDeque::new(),
            idle: VecDeque::new(),
        };
        registry.entry(&Channel::all());
        registry
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The outbox of a connection, if it is still there.
    pub(super) fn outbox(&self, number: u64) -> Option<Arc<Outbox>> {
        self.sessions.get(&number).map(|session| Arc::clone(&session.own.outbox))
    }

    pub(super) fn everyone(&self) -> Vec<Arc<Outbox>> {
        self.sessions.values().map(|session| Arc::clone(&session.own.outbox)).collect()
    }

    pub(super) fn enter(&mut self, id: ConnectionId, owner: Owner, outbox: Arc<Outbox>) {
        let mut chain = Chain::default();
        chain.confirm(Cursor::START);
        let own = Member::new(outbox, Cursor::START, Course::default());
        let all = self.channels.get(&Channel::all());
        let all_since = all.map_or(Cursor::START, |entry| entry.log.last());
        let in_all_retained = all.map_or_else(Course::default, |entry| entry.course_of_retained());
        let (announced, in_all) = (None, Course::default());
        let session = Session { owner, announced, own, in_all, in_all_retained, all_since, chain };
        self.sessions.insert(id.number, Box::new(session));
    }

    /// Adds a listener. True if somebody has to be told that there is a channel to subscribe.
    /// With a cursor, the listener reads the log behind it first.
    pub(super) fn join(&mut self, channel: &Channel, outbox: &Arc<Outbox>, from: Option<Cursor>) -> bool {
        let before = self.pending.len();
        let entry = self.entry(channel);
        if matches!(entry.standing, Standing::Idle(_)) {
            entry.standing = Standing::Live;
        }
        if entry.members.len() < FEW {
            entry.members.reserve_exact(1);
        }
        let course = if from.is_some() { Course::catching() } else { Course::default() };
        let since = from.unwrap_or_else(|| entry.log.last());
        let retained = entry.course_of_retained();
        entry.members.push(Member::new(Arc::clone(outbox), since, course).with_retained(retained));
        self.pending.len() > before
    }

    /// Removes a listener. True if it was the last one.
    pub(super) fn leave(&mut self, channel: &Channel, outbox: &Arc<Outbox>, now: Millis) -> bool {
        let Some(entry) = self.channels.get_mut(channel) else { return false };
        let Some(place) = entry.members.iter().position(|member| member.is(outbox)) else { return false };
        entry.members.remove(place);
        if let Some(window) = self.windows.get_mut(channel) {
            window.close_up(place);
        }
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

    /// These are subscribed, and end there.
    pub(super) fn confirm(&mut self, channels: &[Channel], ends: &[Ends], now: Millis) -> Confirmed {
        let mut confirmed = Confirmed::default();
        for (channel, end) in channels.iter().zip(ends) {
            let Some(entry) = self.channels.get_mut(channel) else { continue };
            if let Left::Read(after) = entry.log.confirm(end.log) {
                confirmed.unread.push((Line::log(channel), after));
            }
            if let Left::Read(after) = entry.retained.confirm(end.retained) {
                confirmed.unread.push((Line::retained(channel), after));
            }
            entry.members.iter_mut().for_each(|member| member.confirm(*end));
            if channel.kind() == Kind::All {
                self.sessions.values_mut().for_each(|session| session.confirm_all(*end));
            }
            if let Standing::Pending(wakers) = std::mem::replace(&mut entry.standing, Standing::Live) {
                confirmed.waiting.extend(wakers);
            }
            // Whoever wanted it has gone meanwhile.
            if entry.members.is_empty() && channel.kind() != Kind::All {
                entry.standing = Standing::Idle(now);
                self.idle.push_back((now, channel.clone()));
            }
        }
        confirmed
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
            self.windows.remove(&channel);
            if self.channels.get(&channel).is_some_and(|entry| entry.members.is_empty()) {
                self.channels.remove(&channel);
            } else if let Some(entry) = self.channels.get_mut(&channel) {
                entry.standing = Standing::Pending(Vec::new());
                (entry.log, entry.retained) = (Chain::default(), Chain::default());
                self.pending.push_back(channel);
            }
        }
    }

    pub(super) fn judge(&mut self, line: &Line, place: Place) -> Option<Verdict> {
        self.chain(line).map(|chain| chain.judge(place))
    }

    /// An announcement that cannot be handed on for want of room.
    pub(super) fn miss(&mut self, line: &Line, place: Place) -> Option<Verdict> {
        self.chain(line).map(|chain| chain.miss(place))
    }

    pub(super) fn advance(&mut self, line: &Line, place: Place) -> Advance {
        match self.chain(line).map_or(Advance::Repeat, |chain| chain.advance(place)) {
            // What is missing between two retained values has been replaced by something newer.
            Advance::Gap(_) if !line.is_log() => Advance::Next,
            advance => advance,
        }
    }

    pub(super) fn repaired(&mut self, line: &Line, complete: bool) -> Left {
        self.chain(line).map_or(Left::Nothing, |chain| chain.repaired(complete))
    }

    pub(super) fn suspect(&mut self, line: &Line) -> Option<Cursor> {
        self.chain(line).and_then(Chain::suspect)
    }

    /// Every line, those of connections too, with the cursor behind which it has to be looked at.
    pub(super) fn suspect_all(&mut self, node: wirebell_protocol::NodeId) -> Vec<(Line, Cursor)> {
        let mut suspects = Vec::with_capacity(2 * self.channels.len() + self.sessions.len());
        for (channel, entry) in &mut self.channels {
            suspects.extend(entry.log.suspect().map(|after| (Line::log(channel), after)));
            suspects.extend(entry.retained.suspect().map(|after| (Line::retained(channel), after)));
        }
        for (number, session) in &mut self.sessions {
            let channel = Channel::connection(ConnectionId { node, number: *number });
            suspects.extend(session.chain.suspect().map(|after| (Line::log(&channel), after)));
        }
        suspects
    }

    /// The cursor behind which everything on the channel reaches the listener anyhow; none if it does not listen.
    pub(super) fn since(&self, channel: &Channel, outbox: &Arc<Outbox>) -> Option<Cursor> {
        match channel.kind() {
            Kind::All => self.sessions.get(&outbox.number()).map(|session| session.all_since),
            Kind::Connection(id) => (id.number == outbox.number()).then_some(Cursor::START),
            _ => {
                let members = &self.channels.get(channel)?.members;
                members.iter().find(|member| member.is(outbox)).map(|member| member.since)
            }
        }
    }

    /// The listener begins at this cursor instead of where it said: its own was from a log that is lost.
    pub(super) fn restart(&mut self, channel: &Channel, outbox: &Arc<Outbox>, from: Cursor) {
        let members = self.channels.get_mut(channel).into_iter().flat_map(|entry| &mut entry.members);
        members.filter(|member| member.is(outbox)).for_each(|member| member.since = from);
    }

    /// How far the channel's log has come on this node.
    pub(super) fn end(&mut self, channel: &Channel) -> Cursor {
        self.chain(&Line::log(channel)).map_or(Cursor::START, |chain| chain.last())
    }

    /// The course of one listener on the line, if it listens.
    pub(super) fn course(&mut self, line: &Line, outbox: &Arc<Outbox>) -> Option<&mut Course> {
        match line.channel.kind() {
            Kind::All => self.sessions.get_mut(&outbox.number()).map(|session| session.course_in_all(line.lane)),
            Kind::Connection(id) => self.sessions.get_mut(&id.number).map(|session| session.own.course(line.lane)),
            _ => {
                let members = &mut self.channels.get_mut(&line.channel)?.members;
                members.iter_mut().find(|member| member.is(outbox)).map(|member| member.course(line.lane))
            }
        }
    }

    fn chain(&mut self, line: &Line) -> Option<&mut Chain> {
        if let Kind::Connection(id) = line.channel.kind() {
            // Nothing is retained for a connection.
            return self.sessions.get_mut(&id.number).filter(|_| line.is_log()).map(|session| &mut session.chain);
        }
        let entry = self.channels.get_mut(&line.channel)?;
        Some(match line.lane {
            Lane::Log => &mut entry.log,
            Lane::Retained => &mut entry.retained,
        })
    }

    fn entry(&mut self, channel: &Channel) -> &mut Entry {
        self.channels.entry(channel.clone()).or_insert_with(|| {
            self.pending.push_back(channel.clone());
            let standing = Standing::Pending(Vec::new());
            let (log, retained) = (Chain::default(), Chain::default());
            Box::new(Entry { members: Vec::new(), log, retained, standing })
        })
    }
}

impl Entry {
    /// Whoever comes reads the retained values first, unless it is known that there are none.
    fn course_of_retained(&self) -> Course {
        let is_known = matches!(self.standing, Standing::Live | Standing::Idle(_));
        if is_known && self.retained.last() == Cursor::START { Course::default() } else { Course::catching() }
    }
}

impl Session {
    fn confirm_all(&mut self, ends: Ends) {
        self.all_since = ends.log;
        self.in_all_retained.ends_at(ends.retained);
    }

    fn course_in_all(&mut self, lane: Lane) -> &mut Course {
        match lane {
            Lane::Log => &mut self.in_all,
            Lane::Retained => &mut self.in_all_retained,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Channel {
        Channel::user("42").unwrap()
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(0, 100))
    }

    fn live(registry: &mut Registry, channel: &Channel) {
        let pending = registry.take_pending(10);
        assert!(pending.contains(channel));
        registry.confirm(&pending, &vec![Ends::default(); pending.len()], 0);
    }

    #[test]
    fn only_the_first_and_the_last_are_edges() {
        let (mut registry, a, b) = (Registry::new(), outbox(), outbox());
        assert!(registry.join(&user(), &a, None));
        assert!(!registry.join(&user(), &b, None));
        live(&mut registry, &user());
        assert!(!registry.leave(&user(), &a, 5));
        assert!(registry.leave(&user(), &b, 5));
    }

    #[test]
    fn whoever_comes_back_within_the_linger_costs_nothing() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a, None);
        live(&mut registry, &user());
        registry.leave(&user(), &a, 5);
        assert!(!registry.join(&user(), &a, None));
        assert_eq!(registry.take_idle(100, 10), []);
        // The second goodbye counts from its own time.
        registry.leave(&user(), &a, 50);
        assert_eq!(registry.take_idle(49, 10), []);
        assert_eq!(registry.take_idle(50, 10), [user()]);
    }

    #[test]
    fn whoever_comes_while_it_is_unsubscribed_is_subscribed_again() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a, None);
        live(&mut registry, &user());
        registry.leave(&user(), &a, 5);
        let leaving = registry.take_idle(5, 10);
        assert!(!registry.join(&user(), &a, None));
        registry.left(leaving);
        assert_eq!(registry.take_pending(10), [user()]);
    }

    #[test]
    fn whoever_leaves_before_it_is_subscribed_leaves_it_idle() {
        let (mut registry, a) = (Registry::new(), outbox());
        registry.join(&user(), &a, None);
        registry.leave(&user(), &a, 5);
        live(&mut registry, &user());
        assert_eq!(registry.take_idle(9, 10), [user()]);
        registry.left(vec![user()]);
        assert!(
            registry.judge(&Line::log(&user()), Place { cursor: Cursor::START, previous: Cursor::START }).is_none()
        );
    }

    #[test]
    fn all_reaches_everyone_and_a_connection_only_itself() {
        let mut registry = Registry::new();
        let node = wirebell_protocol::NodeId::from_bits(1);
        for number in 0..3 {
            registry.enter(ConnectionId { node, number }, Owner::nobody(), outbox());
        }
        let count = |registry: &mut Registry, channel: &Channel| {
            let mut found = Vec::new();
            assert!(registry.recipients(channel, (Lane::Log, None), 9, &mut found));
            found.len()
        };
        let own = Channel::connection(ConnectionId { node, number: 1 });
        assert_eq!((count(&mut registry, &Channel::all()), count(&mut registry, &own)), (3, 1));
        registry.exit(ConnectionId { node, number: 1 });
        assert_eq!((count(&mut registry, &Channel::all()), count(&mut registry, &own)), (2, 0));
    }
}
