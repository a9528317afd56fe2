//! The log of one channel.

use std::collections::VecDeque;

use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::publish::Retention;
use wirebell_protocol::{Announcement, Cursor, Prepared};

use super::retained::next_cursor;

/// The durable events of a channel, oldest first, bounded by count and age.
#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Announcement>,
    last: Cursor,
}

impl Log {
    /// Returns the cursor of the newest event, also after that event was trimmed.
    pub(super) fn last(&self) -> Cursor {
        self.last
    }

    /// Appends an event, and returns its position.
    pub(super) fn append(
        &mut self,
        event: &Prepared,
        now: u64,
        expires_at: Option<u64>,
        keep: &Retention,
    ) -> LogPosition {
        // Cursors only grow, also when the clock is set back.
        let position = LogPosition { cursor: next_cursor(self.last, now), previous: self.last };
        self.last = position.cursor;
        self.entries.push_back(Announcement {
            channel: event.channel.clone(),
            class: event.class,
            position: Some(position),
            accepted_at: position.cursor.millis * 1000,
            expires_at,
            tracked: event.is_tracked().then(|| event.id.as_str().into()),
            frame: event.frame(Some(position.cursor)),
        });
        while self.entries.len() as u64 > keep.log_events || self.oldest_is_older_than(now, keep.log_millis) {
            self.entries.pop_front();
        }
        position
    }

    /// Returns up to `limit` events after the cursor.
    pub(super) fn after(&self, cursor: Cursor, limit: usize) -> Vec<Announcement> {
        let is_before = |entry: &Announcement| entry.position.is_some_and(|position| position.cursor <= cursor);
        let start = self.entries.partition_point(is_before);
        self.entries.iter().skip(start).take(limit).cloned().collect()
    }

    /// Returns whether every event after the cursor is still stored.
    pub(super) fn reaches_back_to(&self, cursor: Cursor) -> bool {
        let first = self.entries.front().and_then(|entry| entry.position);
        match first {
            // The oldest event names its predecessor, even if that was trimmed.
            Some(first) => cursor >= first.previous && cursor <= self.last,
            None => cursor == self.last,
        }
    }

    fn oldest_is_older_than(&self, now: u64, millis: u64) -> bool {
        let oldest = self.entries.front().and_then(|entry| entry.position);
        oldest.is_some_and(|position| position.cursor.millis + millis < now)
    }
}
