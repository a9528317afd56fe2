//! Who reads by itself: the sessions that are behind, the lines that they read, and how far they have come. It is kept
//! for people who look for a slow client; nothing is decided by it, and a session that is not behind is not in it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wirebell_protocol::Cursor;

use super::line::Line;

/// A line that a session reads by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) line: Line,
    /// It has read up to here.
    pub(super) at: Cursor,
    /// When it began, by the process' clock, in milliseconds.
    pub(super) began: u64,
}

/// All of them, by the session's number.
#[derive(Default)]
pub(super) struct Readers(Mutex<HashMap<u64, Vec<Reading>>>);

impl Readers {
    /// The session is about to read on behind this cursor.
    pub(super) fn reads(&self, session: u64, line: &Line, at: Cursor, now: u64) {
        let mut readers = self.lock();
        let readings = readers.entry(session).or_default();
        match readings.iter_mut().find(|reading| reading.line == *line) {
            Some(reading) => reading.at = at,
            None => readings.push(Reading { line: line.clone(), at, began: now }),
        }
    }

    /// The session reads the line no longer.
    pub(super) fn done(&self, session: u64, line: &Line) {
        let mut readers = self.lock();
        let Some(readings) = readers.get_mut(&session) else { return };
        readings.retain(|reading| reading.line != *line);
        if readings.is_empty() {
            readers.remove(&session);
        }
    }

    /// The session has ended.
    pub(super) fn gone(&self, session: u64) {
        self.lock().remove(&session);
    }

    /// What this session reads.
    pub(super) fn of(&self, session: u64) -> Vec<Reading> {
        self.lock().get(&session).cloned().unwrap_or_default()
    }

    /// How many sessions there are, and those that have been reading for longest, at most so many.
    pub(super) fn slowest(&self, most: usize) -> (usize, Vec<u64>) {
        let readers = self.lock();
        let began = |readings: &[Reading]| readings.iter().map(|reading| reading.began).min();
        let mut sessions: Vec<_> = readers.iter().map(|(session, readings)| (began(readings), *session)).collect();
        drop(readers);
        sessions.sort_unstable();
        (sessions.len(), sessions.into_iter().take(most).map(|(_, session)| session).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Vec<Reading>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::Channel;

    use super::*;

    fn at(millis: u64) -> Cursor {
        Cursor { millis, sequence: 0 }
    }

    #[test]
    fn a_reading_is_noted_from_its_first_piece_to_its_last() {
        let (readers, line) = (Readers::default(), Line::log(&Channel::all()));
        readers.reads(1, &line, at(5), 100);
        readers.reads(1, &line, at(9), 200);
        assert_eq!(readers.of(1), [Reading { line: line.clone(), at: at(9), began: 100 }]);
        readers.reads(1, &Line::retained(&Channel::all()), at(0), 300);
        readers.done(1, &line);
        assert_eq!(readers.of(1).len(), 1);
        readers.done(1, &Line::retained(&Channel::all()));
        assert!(readers.lock().is_empty());
    }

    #[test]
    fn the_slowest_come_first_and_whoever_is_gone_is_forgotten() {
        let (readers, line) = (Readers::default(), Line::log(&Channel::all()));
        for (session, began) in [(1, 300), (2, 100), (3, 200)] {
            readers.reads(session, &line, at(1), began);
        }
        assert_eq!(readers.slowest(2), (3, vec![2, 3]));
        readers.gone(2);
        assert_eq!(readers.slowest(2), (2, vec![3, 1]));
    }
}
