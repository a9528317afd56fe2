//! DeviceEvent a run writes down: of each event, event the publisher was told; of each device, all that happened to it, in
//! order. The audit reads nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wirebell_protocol::Cursor;

/// DeviceEvent the publisher was told when an event was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Its place in the user's log.
    pub cursor: Cursor,
    /// The moment, on the publish_log's own count of clock.
    pub at: u64,
    /// Milliseconds of the run then.
    pub millis: u64,
}

/// DeviceEvent the publisher wants to know about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// DeviceEvent becomes of it.
    Receipt,
    /// It falls back unless it is acknowledged within so many seconds.
    Deadline(u64),
}

/// An event that the publisher has tried to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentEvent {
    /// Whom it is for.
    pub user: u32,
    /// The moment before the first try.
    pub began: u64,
    /// Milliseconds of the run then.
    pub millis: u64,
    /// None where nobody wants to know anything later.
    pub tracking: Option<Tracking>,
    /// None while nobody can tell.
    pub confirmed: Option<Confirmed>,
}

/// An event as it came to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Its number; none if its id is none of the run's.
    pub event: Option<u32>,
    /// Its place in the log.
    pub cursor: Cursor,
    /// Are channel, number and length of the data event they should be for this user?
    pub intact: bool,
}

/// DeviceEvent happened to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// It was welcomed.
    Welcomed {
        /// The connection's id.
        connection: String,
        /// The cursor that it brought.
        cursor: Cursor,
        /// DeviceEvent the node said to that.
        recovered: bool,
    },
    /// An event came.
    Received(ReceivedEvent),
    /// It says that it has handled everything up to here.
    Acknowledged(Cursor),
    /// It was told that events are missing.
    Gap,
    /// Its connection ended.
    Disconnected(DisconnectReason),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisconnectReason {
    /// The device's own doing.
    Left,
    /// The node told it to come back.
    Reconnect,
    /// The node closed with this code.
    Closed(u16),
    /// Without a close frame.
    Lost,
    /// The device had heard nothing for too long.
    Silent,
}

/// A entry of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// Milliseconds of the run.
    pub millis: u64,
    /// DeviceEvent happened.
    pub event: DeviceEvent,
}

/// All that happened to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Whose it is.
    pub user: u32,
    /// Which of the user's.
    pub device: u32,
    /// In order.
    pub entries: Vec<RecordEntry>,
}

impl DeviceRecord {
    /// The events among the entries.
    pub fn received(&self) -> impl Iterator<Item = &ReceivedEvent> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            DeviceEvent::Received(received) => Some(received),
            _ => None,
        })
    }
}

/// DeviceEvent all publishers of a run write down together.
#[derive(Debug)]
pub struct PublishLog {
    begun: Instant,
    begun_unix: u64,
    state: Mutex<PublishLogState>,
}

#[derive(Debug, Default)]
struct PublishLogState {
    sent: Vec<SentEvent>,
    clock: u64,
}

impl Default for PublishLog {
    fn default() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let begun_unix = u64::try_from(unix).unwrap_or_default();
        Self { begun: Instant::now(), begun_unix, state: Mutex::default() }
    }
}

impl PublishLog {
    /// Milliseconds of the run.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When the run began, in milliseconds since 1970.
    pub fn begun_unix(&self) -> u64 {
        self.begun_unix
    }

    /// An event for this user is about to be published; gives its number.
    pub fn begin(&self, user: u32, tracking: Option<Tracking>) -> u32 {
        let millis = self.millis();
        let mut state = self.state();
        let began = state.next_tick();
        state.sent.push(SentEvent { user, began, millis, tracking, confirmed: None });
        u32::try_from(state.sent.len() - 1).expect("no run has so many events")
    }

    /// The bus has the event, at this place.
    pub fn confirm(&self, event: u32, cursor: Cursor) {
        let millis = self.millis();
        let mut state = self.state();
        let at = state.next_tick();
        state.sent[event as usize].confirmed = Some(Confirmed { cursor, at, millis });
    }

    /// All events by their numbers.
    pub fn sent(&self) -> Vec<SentEvent> {
        self.state().sent.clone()
    }

    fn state(&self) -> MutexGuard<'_, PublishLogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PublishLogState {
    fn next_tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}
