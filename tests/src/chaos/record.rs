//! What a run writes down: of each event, what the publisher was told; of each device, all that happened to it, in
//! order. The audit reads nothing else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wirebell_protocol::Cursor;

/// What the publisher was told when an event was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Its place in the user's log.
    pub cursor: Cursor,
    /// The moment, on the book's own count of moments.
    pub at: u64,
    /// Milliseconds of the run then.
    pub millis: u64,
}

/// What the publisher wants to know about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// What becomes of it.
    Receipt,
    /// It falls back unless it is acknowledged within so many seconds.
    Deadline(u64),
}

/// An event that the publisher has tried to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Whom it is for.
    pub user: u32,
    /// The moment before the first try.
    pub began: u64,
    /// Milliseconds of the run then.
    pub millis: u64,
    /// None where nobody wants to know anything later.
    pub watch: Option<Watch>,
    /// None while nobody can tell.
    pub confirmed: Option<Confirmed>,
}

/// An event as it came to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Got {
    /// Its number; none if its id is none of the run's.
    pub event: Option<u32>,
    /// Its place in the log.
    pub cursor: Cursor,
    /// Are channel, number and length of the data what they should be for this user?
    pub intact: bool,
}

/// What happened to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It was welcomed.
    Welcomed {
        /// The connection's id.
        connection: String,
        /// The cursor that it brought.
        cursor: Cursor,
        /// What the node said to that.
        recovered: bool,
    },
    /// An event came.
    Got(Got),
    /// It says that it has handled everything up to here.
    Acknowledged(Cursor),
    /// It was told that events are missing.
    Gap,
    /// Its connection ended.
    Ended(Ending),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
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

/// A line of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds of the run.
    pub millis: u64,
    /// What happened.
    pub what: What,
}

/// All that happened to one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub user: u32,
    /// Which of the user's.
    pub device: u32,
    /// In order.
    pub lines: Vec<Line>,
}

impl Record {
    /// The events among the lines.
    pub fn got(&self) -> impl Iterator<Item = &Got> {
        self.lines.iter().filter_map(|line| match &line.what {
            What::Got(got) => Some(got),
            _ => None,
        })
    }
}

/// What all publishers of a run write down together.
#[derive(Debug)]
pub struct Book {
    begun: Instant,
    begun_unix: u64,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    sent: Vec<Sent>,
    moments: u64,
}

impl Default for Book {
    fn default() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let begun_unix = u64::try_from(unix).unwrap_or_default();
        Self { begun: Instant::now(), begun_unix, pages: Mutex::default() }
    }
}

impl Book {
    /// Milliseconds of the run.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When the run began, in milliseconds since 1970.
    pub fn begun_unix(&self) -> u64 {
        self.begun_unix
    }

    /// An event for this user is about to be published; gives its number.
    pub fn begin(&self, user: u32, watch: Option<Watch>) -> u32 {
        let millis = self.millis();
        let mut pages = self.pages();
        let began = pages.next_moment();
        pages.sent.push(Sent { user, began, millis, watch, confirmed: None });
        u32::try_from(pages.sent.len() - 1).expect("no run has so many events")
    }

    /// The bus has the event, at this place.
    pub fn confirm(&self, event: u32, cursor: Cursor) {
        let millis = self.millis();
        let mut pages = self.pages();
        let at = pages.next_moment();
        pages.sent[event as usize].confirmed = Some(Confirmed { cursor, at, millis });
    }

    /// All events by their numbers.
    pub fn sent(&self) -> Vec<Sent> {
        self.pages().sent.clone()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn next_moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }
}
