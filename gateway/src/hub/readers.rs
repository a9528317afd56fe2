//! Sessions that are catching up: the logs that they read and how far they have read. This is for
//! operators who look for slow clients; no decision depends on it. Other sessions are not listed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wirebell_protocol::Cursor;

use super::log_kind::ChannelLog;

/// A log that a session is reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) log: ChannelLog,
    /// Cursor up to which it has read.
    pub(super) read_to: Cursor,
    /// When the reading started, in milliseconds on the process' clock.
    pub(super) started_at: u64,
}

/// Readings by session number.
#[derive(Default)]
pub(super) struct Readers(Mutex<HashMap<u64, Vec<Reading>>>);

impl Readers {
    /// Records that the session reads on after this cursor.
    pub(super) fn record(&self, session: u64, log: &ChannelLog, read_to: Cursor, now: u64) {
        let mut readers = self.lock();
        let readings = readers.entry(session).or_default();
        match readings.iter_mut().find(|reading| reading.log == *log) {
            Some(reading) => reading.read_to = read_to,
            None => readings.push(Reading { log: log.clone(), read_to, started_at: now }),
        }
    }

    /// Records that the session no longer reads the log.
    pub(super) fn finish(&self, session: u64, log: &ChannelLog) {
        let mut readers = self.lock();
        let Some(readings) = readers.get_mut(&session) else { return };
        readings.retain(|reading| reading.log != *log);
        if readings.is_empty() {
            readers.remove(&session);
        }
    }

    /// Removes a session.
    pub(super) fn remove_session(&self, session: u64) {
        self.lock().remove(&session);
    }

    /// Returns the readings of a session.
    pub(super) fn of(&self, session: u64) -> Vec<Reading> {
        self.lock().get(&session).cloned().unwrap_or_default()
    }

    /// Returns the number of reading sessions, and up to `max` that have been reading the longest.
    pub(super) fn slowest(&self, max: usize) -> (usize, Vec<u64>) {
        let readers = self.lock();
        let started_at = |readings: &[Reading]| readings.iter().map(|reading| reading.started_at).min();
        let mut sessions: Vec<_> =
            readers.iter().map(|(session, readings)| (started_at(readings), *session)).collect();
        drop(readers);
        sessions.sort_unstable();
        (sessions.len(), sessions.into_iter().take(max).map(|(_, session)| session).collect())
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
    fn reading_is_listed_from_its_first_chunk_to_its_last() {
        let (readers, log) = (Readers::default(), ChannelLog::durable(&Channel::all()));
        readers.record(1, &log, at(5), 100);
        readers.record(1, &log, at(9), 200);
        assert_eq!(readers.of(1), [Reading { log: log.clone(), read_to: at(9), started_at: 100 }]);
        readers.record(1, &ChannelLog::retained(&Channel::all()), at(0), 300);
        readers.finish(1, &log);
        assert_eq!(readers.of(1).len(), 1);
        readers.finish(1, &ChannelLog::retained(&Channel::all()));
        assert!(readers.lock().is_empty());
    }

    #[test]
    fn slowest_come_first_and_ended_sessions_are_removed() {
        let (readers, log) = (Readers::default(), ChannelLog::durable(&Channel::all()));
        for (session, started_at) in [(1, 300), (2, 100), (3, 200)] {
            readers.record(session, &log, at(1), started_at);
        }
        assert_eq!(readers.slowest(2), (3, vec![2, 3]));
        readers.remove_session(2);
        assert_eq!(readers.slowest(2), (2, vec![3, 1]));
    }
}
