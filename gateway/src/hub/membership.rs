//! A session's membership in the hub. Dropping it unsubscribes from everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wirebell_protocol::{Announcement, Channel, ConnectionId, Cursor, Transport};

use super::heartbeat::HeartbeatSlot;
use super::log_kind::ChannelLog;
use super::send_buffer::{Next, SendBuffer};
use super::unavailable::Unavailable;
use super::wire::Wire;
use super::{Hub, JoinResult, Owner};
use crate::bus::CursorStatus;
use crate::lifecycle::uptime_millis;

/// Number of the next connection of this process. Numbers are never reused.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Start of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeFrom {
    /// Deliver what is announced from now on.
    Now,
    /// First, the session reads the stored events after this cursor. Live events follow.
    Cursor(Cursor),
}

/// A session's membership: its send buffer and the channels that it subscribes to.
pub struct Membership {
    pub(super) hub: Arc<Hub>,
    buffer: Arc<SendBuffer>,
    channels: Vec<Channel>,
    slot: Option<HeartbeatSlot>,
}

impl Hub {
    /// Adds a session and subscribes it to `all` and to its connection's own channel. With a wire,
    /// the hub writes to the client while the session is idle.
    pub fn join(
        self: &Arc<Self>,
        user: &Channel,
        device: Option<&Arc<str>>,
        wire: Option<Arc<dyn Wire>>,
    ) -> Membership {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = ConnectionId { node: self.node, number };
        let buffer = Arc::new(SendBuffer::new(number, self.send_buffer_bytes).with_wire(wire));
        let owner = Owner { user: user.clone(), device: device.cloned(), since: uptime_millis() };
        self.lock().add_session(id, owner, Arc::clone(&buffer));
        Membership { hub: Arc::clone(self), buffer, channels: Vec::new(), slot: None }
    }

    fn unsubscribed(&self, channel: &Channel, buffer: &Arc<SendBuffer>) {
        if self.lock().unsubscribe(channel, buffer, uptime_millis()) {
            self.interest_changed.notify_one();
        }
    }
}

impl Membership {
    /// Returns the connection's id.
    pub fn id(&self) -> ConnectionId {
        ConnectionId { node: self.hub.node, number: self.buffer.number() }
    }

    /// Registers the session in presence. Dropping the membership removes it. If the number of
    /// sessions per user is limited, waits until the bus has accepted or rejected this one.
    pub async fn register_presence(
        &self,
        transport: Transport,
        timeout: Duration,
    ) -> Result<JoinResult, Unavailable> {
        self.hub.register_presence(self.id(), transport, timeout).await
    }

    /// Subscribes to a channel. Returns after the bus has confirmed the subscription, so the
    /// session misses nothing that is announced later.
    pub async fn subscribe(
        &mut self,
        channel: &Channel,
        from: SubscribeFrom,
        timeout: Duration,
    ) -> Result<(), Unavailable> {
        if self.channels.contains(channel) {
            return Ok(());
        }
        let cursor = match from {
            SubscribeFrom::Now => None,
            SubscribeFrom::Cursor(cursor) => Some(cursor),
        };
        self.channels.reserve_exact(1);
        self.channels.push(channel.clone());
        if self.hub.lock().subscribe(channel, &self.buffer, cursor) {
            self.hub.interest_changed.notify_one();
        }
        let live = std::future::poll_fn(|context| self.hub.lock().poll_live(channel, context));
        if tokio::time::timeout(timeout, live).await.is_err() {
            self.unsubscribe(channel);
            return Err(Unavailable("the bus did not confirm the subscription in time".to_owned()));
        }
        Ok(())
    }

    /// Unsubscribes from a channel. Returns false if there was no subscription.
    pub fn unsubscribe(&mut self, channel: &Channel) -> bool {
        let Some(index) = self.channels.iter().position(|own| own == channel) else { return false };
        self.channels.swap_remove(index);
        self.buffer.forget(channel);
        self.hub.unsubscribed(channel, &self.buffer);
        true
    }

    /// Returns the subscribed channels, without `all` and the connection's own channel.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Returns the cursor after which the channel's events are delivered to the session. `None` if
    /// it has no subscription.
    pub fn live_after(&self, channel: &Channel) -> Option<Cursor> {
        self.hub.lock().live_after(channel, &self.buffer)
    }

    /// Returns whether the channel's log still has every event after the cursor.
    pub async fn can_resume_from(&self, channel: &Channel, cursor: Cursor) -> Result<bool, Unavailable> {
        Ok(self.hub.bus.cursor_status(channel, cursor).await? == CursorStatus::Known)
    }

    /// Returns where to start reading the channel's log for a client's cursor, and whether the
    /// client then misses nothing.
    ///
    /// A cursor after the end of the log belongs to a log that is lost. Reading then starts at the
    /// end: the client would get no events until the new log has reached the old cursor.
    pub async fn begin_resume(&self, channel: &Channel, cursor: Cursor) -> Result<(Cursor, bool), Unavailable> {
        if self.can_resume_from(channel, cursor).await? {
            return Ok((cursor, true));
        }
        let mut registry = self.hub.lock();
        let from = cursor.min(registry.end_of_channel(channel));
        registry.restart(channel, &self.buffer, from);
        Ok((from, false))
    }

    /// Returns whether the session must read the channel's retained values before it gets changes.
    pub fn must_read_retained(&self, channel: &Channel) -> bool {
        let log = ChannelLog::retained(channel);
        self.hub.lock().state(&log, &self.buffer).is_some_and(|state| state.is_catching_up())
    }

    /// Reads up to `limit` events of the log after a cursor.
    pub async fn read(
        &self,
        log: &ChannelLog,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<Announcement>, Unavailable> {
        self.hub.readers.record(self.buffer.number(), log, after, uptime_millis());
        let channel = log.channel.clone();
        if log.is_durable() {
            let mut found = self.hub.bus.read(&[(channel, after)], limit).await?;
            return Ok(found.pop().unwrap_or_default());
        }
        let mut found = self.hub.bus.read_retained(&channel, after).await?;
        found.truncate(limit);
        Ok(found)
    }

    /// Ends the catch-up at `at`, where the log seemed to end. Returns `None` if that is so: from
    /// now on, announcements are delivered again. Otherwise returns the newest event announced
    /// since.
    pub fn caught_up(&self, log: &ChannelLog, at: Cursor) -> Option<Cursor> {
        let newest = self.hub.lock().state(log, &self.buffer).and_then(|state| state.caught_up(at));
        if newest.is_none() {
            self.stop_reading(log);
        }
        newest
    }

    /// Records that the session no longer reads the log.
    pub fn stop_reading(&self, log: &ChannelLog) {
        self.hub.readers.finish(self.buffer.number(), log);
    }

    /// Marks the session as busy: the hub does not write to its client until the session waits in
    /// [`next`](Self::next) again. `client_is_alive` says that the client gave a sign of life.
    pub fn mark_busy(&self, client_is_alive: bool) {
        self.buffer.mark_busy(client_is_alive);
    }

    /// Starts the heartbeat: a silent client is pinged, and its session ends if it does not answer.
    pub fn start_heartbeat(&mut self) {
        self.slot = Some(self.hub.heartbeat.add(&self.buffer));
    }

    /// Waits for the session's next piece of work.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        self.buffer.next()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.buffer.close();
        if let Some(slot) = self.slot {
            self.hub.heartbeat.remove(slot, &self.buffer);
        }
        for channel in std::mem::take(&mut self.channels) {
            self.hub.unsubscribed(&channel, &self.buffer);
        }
        let gone = self.hub.lock().remove_session(self.id());
        if let Some((owner, transport)) = gone {
            self.hub.presence.left(self.id(), owner, transport);
        }
        self.hub.pending_replies.forget(self.buffer.number());
        self.hub.readers.remove_session(self.buffer.number());
    }
}
