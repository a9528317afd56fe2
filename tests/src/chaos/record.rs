//! The records of a run: for each event the result that the publisher received, and for each device
//! everything that happened to it, in order. The audit reads nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wirebell_protocol::Cursor;

/// The confirmation of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Position in the user's log.
    pub cursor: Cursor,
    /// Time on the logical clock of the publish log.
    pub at: u64,
    /// Time since the start of the run, in milliseconds.
    pub millis: u64,
}

/// How an event is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// The publisher wants a receipt.
    Receipt,
    /// The event goes to the fallback stream unless it is acknowledged within this many seconds.
    Deadline(u64),
}

/// An event that the publisher has tried to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentEvent {
    /// The recipient.
    pub user: u32,
    /// Time before the first attempt, on the logical clock.
    pub started: u64,
    /// The same, in milliseconds since the start of the run.
    pub millis: u64,
    /// How the event is tracked, if it is.
    pub tracking: Option<Tracking>,
    /// The confirmation, once there is one.
    pub confirmed: Option<Confirmed>,
}

/// An event as it arrived at a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Number of the event; `None` if its id is not from this run.
    pub event: Option<u32>,
    /// Position in the log.
    pub cursor: Cursor,
    /// Whether channel, number and data length are correct for this user.
    pub intact: bool,
}

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// The device received a welcome.
    Welcomed {
        /// Id of the connection.
        connection: String,
        /// The cursor that the device sent.
        cursor: Cursor,
        /// Whether the node recovered all events after the cursor.
        recovered: bool,
    },
    /// An event arrived.
    Received(ReceivedEvent),
    /// The device acknowledged all events up to this cursor.
    Acknowledged(Cursor),
    /// The device received a gap.
    Gap,
    /// The connection ended.
    Disconnected(DisconnectReason),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DisconnectReason {
    /// The device ended it.
    Left,
    /// The node asked the device to reconnect.
    Reconnect,
    /// The node closed it with this code.
    Closed(u16),
    /// It broke without a close frame.
    Lost,
    /// The device received nothing for too long.
    Silent,
}

/// An entry of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// Time since the start of the run, in milliseconds.
    pub millis: u64,
    /// What happened.
    pub event: DeviceEvent,
}

/// Everything that happened to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The user of the device.
    pub user: u32,
    /// Number of the device among those of the user.
    pub device: u32,
    /// What happened, in order.
    pub entries: Vec<RecordEntry>,
}

impl DeviceRecord {
    /// Returns the received events.
    pub fn received(&self) -> impl Iterator<Item = &ReceivedEvent> {
        self.entries.iter().filter_map(|entry| match &entry.event {
            DeviceEvent::Received(received) => Some(received),
            _ => None,
        })
    }
}

/// The events of all publishers of a run.
#[derive(Debug)]
pub struct PublishLog {
    started: Instant,
    started_unix: u64,
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
        let started_unix = u64::try_from(unix).unwrap_or_default();
        Self { started: Instant::now(), started_unix, state: Mutex::default() }
    }
}

impl PublishLog {
    /// Returns the time since the start of the run, in milliseconds.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the start of the run in milliseconds since 1970.
    pub fn started_unix(&self) -> u64 {
        self.started_unix
    }

    /// Records that an event for this user is about to be published. Returns its number.
    pub fn begin(&self, user: u32, tracking: Option<Tracking>) -> u32 {
        let millis = self.millis();
        let mut state = self.state();
        let started = state.next_tick();
        state.sent.push(SentEvent { user, started, millis, tracking, confirmed: None });
        u32::try_from(state.sent.len() - 1).expect("no run has so many events")
    }

    /// Records that the bus has the event, at this cursor.
    pub fn confirm(&self, event: u32, cursor: Cursor) {
        let millis = self.millis();
        let mut state = self.state();
        let at = state.next_tick();
        state.sent[event as usize].confirmed = Some(Confirmed { cursor, at, millis });
    }

    /// Returns all events by number.
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
