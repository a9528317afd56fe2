//! The registry of sessions and their subscriptions.
//!
//! In: sessions that join and leave, their subscriptions, and the positions of announcements. Out:
//! the recipients of an event, and the channels to subscribe or unsubscribe on the bus. It does no
//! I/O and reads no clock: the caller passes the time. Must not know: what an event contains, and
//! how it is written.

mod owner;
mod recipients;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::channel::Kind;
use wirebell_protocol::{Channel, ConnectionId, Cursor, Transport};

pub use self::owner::Owner;
use self::recipients::Window;
use super::chain::{Advance, Chain, Remaining, Verdict};
use super::log_kind::{ChannelLog, LogKind};
use super::send_buffer::SendBuffer;
use super::subscription::{DeliveryState, Subscription};
use crate::bus::ChannelEnds;

/// Up to this length, a channel's list reserves no spare room: most channels belong to a user with
/// one or two devices.
const SMALL_LIST: usize = 8;

/// Milliseconds on a monotonic clock of the caller.
pub(super) type Millis = u64;

/// The sessions of this node and the channels that they subscribe to.
pub(super) struct Registry {
    /// In the order of joining. Boxed, since a tree keeps up to twice the room that it needs.
    sessions: BTreeMap<u64, Box<Session>>,
    channels: HashMap<Channel, Box<Entry>>,
    /// Windows of the channels whose events are being delivered in slices.
    windows: HashMap<Channel, Window>,
    pending: VecDeque<Channel>,
    idle: VecDeque<(Millis, Channel)>,
}

/// A session. It is the only subscriber of its connection's channel, and one of the subscribers of
/// `all`.
struct Session {
    owner: Owner,
    /// The client's transport, once the session is registered in presence.
    presence: Option<Transport>,
    own_subscription: Subscription,
    all_state: DeliveryState,
    /// State in the retained values of `all`.
    all_retained_state: DeliveryState,
    all_live_after: Cursor,
    /// Chain of the connection's own channel, which is announced on the node's channel. Its log is
    /// empty at the start.
    chain: Chain,
}

struct Entry {
    subscriptions: Vec<Subscription>,
    log: Chain,
    retained: Chain,
    bus_state: BusState,
}

/// Result of confirming subscriptions.
#[derive(Default)]
pub(super) struct Confirmed {
    /// Sessions that wait for the confirmation.
    pub(super) waiting: Vec<Waker>,
    /// Logs with announcements before the confirmation: they must be read after these cursors.
    pub(super) unread: Vec<(ChannelLog, Cursor)>,
}

/// State of a channel's subscription on the bus.
enum BusState {
    /// It has to be subscribed. The wakers wait for that.
    Pending(Vec<Waker>),
    /// It is subscribed.
    Live,
    /// It is subscribed and has had no subscriber since.
    Idle(Millis),
    /// It is being unsubscribed.
    Unsubscribing,
}

impl Registry {
    /// Returns an empty registry. Every node subscribes to `all`, even without sessions.
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

    /// Returns the send buffer of a connection, if its session still exists.
    pub(super) fn send_buffer(&self, number: u64) -> Option<Arc<SendBuffer>> {
        self.sessions.get(&number).map(|session| Arc::clone(&session.own_subscription.buffer))
    }

    pub(super) fn send_buffers(&self) -> Vec<Arc<SendBuffer>> {
        self.sessions.values().map(|session| Arc::clone(&session.own_subscription.buffer)).collect()
    }

    pub(super) fn add_session(&mut self, id: ConnectionId, owner: Owner, buffer: Arc<SendBuffer>) {
        let mut chain = Chain::default();
        chain.confirm(Cursor::START);
        let own_subscription = Subscription::new(buffer, Cursor::START, DeliveryState::default());
        let all = self.channels.get(&Channel::all());
        let all_live_after = all.map_or(Cursor::START, |entry| entry.log.last());
        let all_retained_state = all.map_or_else(DeliveryState::default, |entry| entry.initial_retained_state());
        let (presence, all_state) = (None, DeliveryState::default());
        let session =
            Session { owner, presence, own_subscription, all_state, all_retained_state, all_live_after, chain };
        self.sessions.insert(id.number, Box::new(session));
    }

    /// Adds a subscriber. Returns whether the channel must be subscribed on the bus. With a cursor,
    /// the subscriber first reads the log after it.
    pub(super) fn subscribe(&mut self, channel: &Channel, buffer: &Arc<SendBuffer>, from: Option<Cursor>) -> bool {
        let before = self.pending.len();
        let entry = self.entry(channel);
        if matches!(entry.bus_state, BusState::Idle(_)) {
            entry.bus_state = BusState::Live;
        }
        if entry.subscriptions.len() < SMALL_LIST {
            entry.subscriptions.reserve_exact(1);
        }
        let state = if from.is_some() { DeliveryState::catching_up() } else { DeliveryState::default() };
        let since = from.unwrap_or_else(|| entry.log.last());
        let retained = entry.initial_retained_state();
        entry.subscriptions.push(Subscription::new(Arc::clone(buffer), since, state).with_retained(retained));
        self.pending.len() > before
    }

    /// Removes a subscriber. Returns whether it was the channel's last one.
    pub(super) fn unsubscribe(&mut self, channel: &Channel, buffer: &Arc<SendBuffer>, now: Millis) -> bool {
        let Some(entry) = self.channels.get_mut(channel) else { return false };
        let Some(index) = entry.subscriptions.iter().position(|subscription| subscription.is(buffer)) else {
            return false;
        };
        entry.subscriptions.remove(index);
        if let Some(window) = self.windows.get_mut(channel) {
            window.remove_index(index);
        }
        let last = entry.subscriptions.is_empty() && matches!(entry.bus_state, BusState::Live);
        if last {
            entry.bus_state = BusState::Idle(now);
            self.idle.push_back((now, channel.clone()));
        }
        last
    }

    /// Is ready once the channel is subscribed on the bus.
    pub(super) fn poll_live(&mut self, channel: &Channel, context: &Context<'_>) -> Poll<()> {
        match self.channels.get_mut(channel).map(|entry| &mut entry.bus_state) {
            Some(BusState::Pending(wakers)) => {
                wakers.push(context.waker().clone());
                Poll::Pending
            }
            // The channel is about to become pending again.
            Some(BusState::Unsubscribing) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Takes up to `max` channels to subscribe. They stay pending until they are confirmed.
    pub(super) fn take_pending(&mut self, max: usize) -> Vec<Channel> {
        let count = self.pending.len().min(max);
        self.pending.drain(..count).collect()
    }

    /// Puts channels back to the front after a failed subscription.
    pub(super) fn retry(&mut self, channels: Vec<Channel>) {
        for channel in channels.into_iter().rev() {
            self.pending.push_front(channel);
        }
    }

    /// Confirms that channels are subscribed; `ends` are the ends of their logs.
    pub(super) fn confirm(&mut self, channels: &[Channel], ends: &[ChannelEnds], now: Millis) -> Confirmed {
        let mut confirmed = Confirmed::default();
        for (channel, end) in channels.iter().zip(ends) {
            let Some(entry) = self.channels.get_mut(channel) else { continue };
            if let Remaining::Read(after) = entry.log.confirm(end.log) {
                confirmed.unread.push((ChannelLog::durable(channel), after));
            }
            if let Remaining::Read(after) = entry.retained.confirm(end.retained) {
                confirmed.unread.push((ChannelLog::retained(channel), after));
            }
            entry.subscriptions.iter_mut().for_each(|subscription| subscription.confirm(*end));
            if channel.kind() == Kind::All {
                self.sessions.values_mut().for_each(|session| session.confirm_all(*end));
            }
            if let BusState::Pending(wakers) = std::mem::replace(&mut entry.bus_state, BusState::Live) {
                confirmed.waiting.extend(wakers);
            }
            // The last subscriber left before the confirmation.
            if entry.subscriptions.is_empty() && channel.kind() != Kind::All {
                entry.bus_state = BusState::Idle(now);
                self.idle.push_back((now, channel.clone()));
            }
        }
        confirmed
    }

    /// Returns since when the longest idle channel is idle.
    pub(super) fn idle_since(&self) -> Option<Millis> {
        self.idle.front().map(|(since, _)| *since)
    }

    /// Takes up to `max` channels that have been idle since `before`.
    pub(super) fn take_idle(&mut self, before: Millis, max: usize) -> Vec<Channel> {
        let mut taken = Vec::new();
        while taken.len() < max && self.idle.front().is_some_and(|(since, _)| *since <= before) {
            let Some((since, channel)) = self.idle.pop_front() else { break };
            // If a subscriber joined and left since, a later entry exists.
            let Some(entry) = self.channels.get_mut(&channel) else { continue };
            if matches!(entry.bus_state, BusState::Idle(noted) if noted == since) {
                entry.bus_state = BusState::Unsubscribing;
                taken.push(channel);
            }
        }
        taken
    }

    /// Removes unsubscribed channels. A channel with new subscribers becomes pending again.
    pub(super) fn unsubscribed(&mut self, channels: Vec<Channel>) {
        for channel in channels {
            self.windows.remove(&channel);
            if self.channels.get(&channel).is_some_and(|entry| entry.subscriptions.is_empty()) {
                self.channels.remove(&channel);
            } else if let Some(entry) = self.channels.get_mut(&channel) {
                entry.bus_state = BusState::Pending(Vec::new());
                (entry.log, entry.retained) = (Chain::default(), Chain::default());
                self.pending.push_back(channel);
            }
        }
    }

    pub(super) fn judge(&mut self, log: &ChannelLog, position: LogPosition) -> Option<Verdict> {
        self.chain(log).map(|chain| chain.judge(position))
    }

    /// Records an announcement for which there is no room.
    pub(super) fn miss(&mut self, log: &ChannelLog, position: LogPosition) -> Option<Verdict> {
        self.chain(log).map(|chain| chain.miss(position))
    }

    pub(super) fn advance(&mut self, log: &ChannelLog, position: LogPosition) -> Advance {
        match self.chain(log).map_or(Advance::Repeat, |chain| chain.advance(position)) {
            // A missing retained value was replaced by a newer one.
            Advance::Gap(_) if !log.is_durable() => Advance::Next,
            advance => advance,
        }
    }

    pub(super) fn chunk_applied(&mut self, log: &ChannelLog, complete: bool) -> Remaining {
        self.chain(log).map_or(Remaining::Nothing, |chain| chain.chunk_applied(complete))
    }

    pub(super) fn suspect(&mut self, log: &ChannelLog) -> Option<Cursor> {
        self.chain(log).and_then(Chain::suspect)
    }

    /// Marks every log as suspect, including those of connections. Returns them with the cursor
    /// after which each has to be read.
    pub(super) fn suspect_all(&mut self, node: wirebell_protocol::NodeId) -> Vec<(ChannelLog, Cursor)> {
        let mut suspects = Vec::with_capacity(2 * self.channels.len() + self.sessions.len());
        for (channel, entry) in &mut self.channels {
            suspects.extend(entry.log.suspect().map(|after| (ChannelLog::durable(channel), after)));
            suspects.extend(entry.retained.suspect().map(|after| (ChannelLog::retained(channel), after)));
        }
        for (number, session) in &mut self.sessions {
            let channel = Channel::connection(ConnectionId { node, number: *number });
            suspects.extend(session.chain.suspect().map(|after| (ChannelLog::durable(&channel), after)));
        }
        suspects
    }

    /// Returns the cursor after which the channel's events are delivered to the session. `None` if
    /// it has no subscription.
    pub(super) fn live_after(&self, channel: &Channel, buffer: &Arc<SendBuffer>) -> Option<Cursor> {
        match channel.kind() {
            Kind::All => self.sessions.get(&buffer.number()).map(|session| session.all_live_after),
            Kind::Connection(id) => (id.number == buffer.number()).then_some(Cursor::START),
            _ => {
                let subscriptions = &self.channels.get(channel)?.subscriptions;
                subscriptions
                    .iter()
                    .find(|subscription| subscription.is(buffer))
                    .map(|subscription| subscription.live_after)
            }
        }
    }

    /// Lets the subscription start at `from`: the client's cursor belonged to a log that is lost.
    pub(super) fn restart(&mut self, channel: &Channel, buffer: &Arc<SendBuffer>, from: Cursor) {
        let subscriptions = self.channels.get_mut(channel).into_iter().flat_map(|entry| &mut entry.subscriptions);
        subscriptions
            .filter(|subscription| subscription.is(buffer))
            .for_each(|subscription| subscription.live_after = from);
    }

    /// Returns the end of the channel's log, as far as this node knows.
    pub(super) fn end_of_channel(&mut self, channel: &Channel) -> Cursor {
        self.chain(&ChannelLog::durable(channel)).map_or(Cursor::START, |chain| chain.last())
    }

    /// Returns the state of a session's subscription in a log, if the subscription exists.
    pub(super) fn state(&mut self, log: &ChannelLog, buffer: &Arc<SendBuffer>) -> Option<&mut DeliveryState> {
        match log.channel.kind() {
            Kind::All => self.sessions.get_mut(&buffer.number()).map(|session| session.state_in_all(log.kind)),
            Kind::Connection(id) => {
                self.sessions.get_mut(&id.number).map(|session| session.own_subscription.state(log.kind))
            }
            _ => {
                let subscriptions = &mut self.channels.get_mut(&log.channel)?.subscriptions;
                subscriptions
                    .iter_mut()
                    .find(|subscription| subscription.is(buffer))
                    .map(|subscription| subscription.state(log.kind))
            }
        }
    }

    /// Returns the chain of a log, if this node has a subscriber for its channel.
    fn chain(&mut self, log: &ChannelLog) -> Option<&mut Chain> {
        if let Kind::Connection(id) = log.channel.kind() {
            // A connection's channel has no retained values.
            return self
                .sessions
                .get_mut(&id.number)
                .filter(|_| log.is_durable())
                .map(|session| &mut session.chain);
        }
        let entry = self.channels.get_mut(&log.channel)?;
        Some(match log.kind {
            LogKind::Durable => &mut entry.log,
            LogKind::Retained => &mut entry.retained,
        })
    }

    fn entry(&mut self, channel: &Channel) -> &mut Entry {
        self.channels.entry(channel.clone()).or_insert_with(|| {
            self.pending.push_back(channel.clone());
            let bus_state = BusState::Pending(Vec::new());
            let (log, retained) = (Chain::default(), Chain::default());
            Box::new(Entry { subscriptions: Vec::new(), log, retained, bus_state })
        })
    }
}

impl Entry {
    /// A new subscriber first reads the retained values, unless the channel is known to have none.
    fn initial_retained_state(&self) -> DeliveryState {
        let is_known = matches!(self.bus_state, BusState::Live | BusState::Idle(_));
        if is_known && self.retained.last() == Cursor::START {
            DeliveryState::default()
        } else {
            DeliveryState::catching_up()
        }
    }
}

impl Session {
    fn confirm_all(&mut self, ends: ChannelEnds) {
        self.all_live_after = ends.log;
        self.all_retained_state.set_log_end(ends.retained);
    }

    fn state_in_all(&mut self, kind: LogKind) -> &mut DeliveryState {
        match kind {
            LogKind::Durable => &mut self.all_state,
            LogKind::Retained => &mut self.all_retained_state,
        }
    }
}
