//! A seat: one session's place in the hub. Dropping it is the whole clean-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wirebell_protocol::{Announcement, Channel, ConnectionId, Cursor, Transport};

use super::heartbeat::Beat;
use super::line::Line;
use super::outbox::{Next, Outbox};
use super::wire::Wire;
use super::{Appearance, Hub, Owner};
use crate::bus::{BusError, Position};
use crate::lifecycle::uptime_millis;

/// Connections of this process so far; their numbers are never used twice.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The bus cannot be reached just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub(super) String);

impl From<BusError> for Unavailable {
    fn from(error: BusError) -> Self {
        Self(error.to_string())
    }
}

/// From where on a session gets a channel's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// What is announced from now on.
    Now,
    /// What stands in the log behind this cursor, which the session reads itself, and then what is announced.
    Cursor(Cursor),
}

/// One session's place: its outbox, and the channels that it listens for.
pub struct Seat {
    pub(super) hub: Arc<Hub>,
    outbox: Arc<Outbox>,
    channels: Vec<Channel>,
    beat: Option<Beat>,
}

impl Hub {
    /// Takes a seat for whom it belongs to. It listens for `all` and for its own connection from now on. With a wire, the
    /// hub writes to the client whenever the session rests.
    pub fn enter(self: &Arc<Self>, user: &Channel, device: Option<&Arc<str>>, wire: Option<Arc<dyn Wire>>) -> Seat {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let id = ConnectionId { node: self.node, number };
        let outbox = Arc::new(Outbox::new(number, self.outbox_bytes).with_wire(wire));
        let owner = Owner { user: user.clone(), device: device.cloned(), since: uptime_millis() };
        self.lock().enter(id, owner, Arc::clone(&outbox));
        Seat { hub: Arc::clone(self), outbox, channels: Vec::new(), beat: None }
    }

    fn left(&self, channel: &Channel, outbox: &Arc<Outbox>) {
        if self.lock().leave(channel, outbox, uptime_millis()) {
            self.edges.notify_one();
        }
    }
}

impl Seat {
    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        ConnectionId { node: self.hub.node, number: self.outbox.number() }
    }

    /// Tells the bus that the user is there over this connection, and takes it back when the seat is left. Where a user may
    /// have only so many sessions, waits for whether this one may be.
    pub async fn appear(&self, transport: Transport, patience: Duration) -> Result<Appearance, Unavailable> {
        self.hub.appear(self.id(), transport, patience).await
    }

    /// Listens for a channel as well; done once the bus has confirmed it, so that nothing announced later is missed.
    pub async fn join(&mut self, channel: &Channel, since: Since, patience: Duration) -> Result<(), Unavailable> {
        if self.channels.contains(channel) {
            return Ok(());
        }
        let from = match since {
            Since::Now => None,
            Since::Cursor(cursor) => Some(cursor),
        };
        self.channels.reserve_exact(1);
        self.channels.push(channel.clone());
        if self.hub.lock().join(channel, &self.outbox, from) {
            self.hub.edges.notify_one();
        }
        let live = std::future::poll_fn(|context| self.hub.lock().poll_live(channel, context));
        if tokio::time::timeout(patience, live).await.is_err() {
            self.leave(channel);
            return Err(Unavailable("the bus did not confirm the subscription in time".to_owned()));
        }
        Ok(())
    }

    /// Listens no longer. False if it did not listen.
    pub fn leave(&mut self, channel: &Channel) -> bool {
        let Some(index) = self.channels.iter().position(|own| own == channel) else { return false };
        self.channels.swap_remove(index);
        self.outbox.forget(channel);
        self.hub.left(channel, &self.outbox);
        true
    }

    /// The channels that it listens for, apart from `all` and its own connection's.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The cursor behind which everything on the channel reaches the session anyhow; none if it does not listen.
    pub fn since(&self, channel: &Channel) -> Option<Cursor> {
        self.hub.lock().since(channel, &self.outbox)
    }

    /// Does the channel's log still reach back to a cursor?
    pub async fn reaches_back(&self, channel: &Channel, cursor: Cursor) -> Result<bool, Unavailable> {
        Ok(self.hub.bus.position(channel, cursor).await? == Position::Known)
    }

    /// Where to begin reading the channel's log for a client that brought this cursor, and whether it misses nothing
    /// then. A cursor behind the log's end is from a log that is lost: waiting for the new one to come so far would
    /// be silence.
    pub async fn begin(&self, channel: &Channel, cursor: Cursor) -> Result<(Cursor, bool), Unavailable> {
        if self.reaches_back(channel, cursor).await? {
            return Ok((cursor, true));
        }
        let mut registry = self.hub.lock();
        let from = cursor.min(registry.end(channel));
        registry.restart(channel, &self.outbox, from);
        Ok((from, false))
    }

    /// Does the session have to read the channel's retained values, before it gets their changes?
    pub fn has_to_read_retained(&self, channel: &Channel) -> bool {
        let line = Line::retained(channel);
        self.hub.lock().course(&line, &self.outbox).is_some_and(|course| course.is_catching())
    }

    /// Up to `limit` events of the line behind a cursor.
    pub async fn read(&self, line: &Line, after: Cursor, limit: usize) -> Result<Vec<Announcement>, Unavailable> {
        self.hub.readers.reads(self.outbox.number(), line, after, uptime_millis());
        let channel = line.channel.clone();
        if line.is_log() {
            let mut found = self.hub.bus.read(&[(channel, after)], limit).await?;
            return Ok(found.pop().unwrap_or_default());
        }
        let mut found = self.hub.bus.read_retained(&channel, after).await?;
        found.truncate(limit);
        Ok(found)
    }

    /// The session has read the line up to here, where it seemed to end. None if that is so, and then what is announced
    /// comes by itself again; otherwise the newest event that was announced behind it.
    pub fn caught_up(&self, line: &Line, at: Cursor) -> Option<Cursor> {
        let newest = self.hub.lock().course(line, &self.outbox).and_then(|course| course.caught_up(at));
        if newest.is_none() {
            self.has_read(line);
        }
        newest
    }

    /// The session reads the line no longer.
    pub fn has_read(&self, line: &Line) {
        self.hub.readers.done(self.outbox.number(), line);
    }

    /// The session has something to do: the hub does not write to its client until it asks for what is [next](Self::next).
    /// `heard`: the client has given a sign of life.
    pub fn stir(&self, heard: bool) {
        self.outbox.stir(heard);
    }

    /// From now on the client is asked for signs of life, and the session told to end if it gives none.
    pub fn live(&mut self) {
        self.beat = Some(self.hub.heartbeat.enrol(&self.outbox));
    }

    /// What the session has to do next; waits for it.
    pub fn next(&self) -> impl Future<Output = Next> + '_ {
        self.outbox.next()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.outbox.close();
        if let Some(beat) = self.beat {
            self.hub.heartbeat.leave(beat, &self.outbox);
        }
        for channel in std::mem::take(&mut self.channels) {
            self.hub.left(&channel, &self.outbox);
        }
        let gone = self.hub.lock().exit(self.id());
        if let Some((owner, transport)) = gone {
            self.hub.presence.left(self.id(), owner, transport);
        }
        self.hub.awaited.forget(self.outbox.number());
        self.hub.readers.gone(self.outbox.number());
    }
}
