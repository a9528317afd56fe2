//! The retained values of one channel.

use std::collections::HashMap;

use wirebell_protocol::announcement::LogPosition;
use wirebell_protocol::publish::Retention;
use wirebell_protocol::{Announcement, Cursor, Prepared};

/// The last value of each key.
#[derive(Default)]
pub(super) struct RetainedValues {
    values: HashMap<Box<str>, Announcement>,
    last: Cursor,
}

impl RetainedValues {
    /// Returns the version of the last change.
    pub(super) fn last(&self) -> Cursor {
        self.last
    }

    /// Replaces the key's value, and returns its version.
    pub(super) fn replace(
        &mut self,
        event: &Prepared,
        now: u64,
        expires_at: Option<u64>,
        keep: &Retention,
    ) -> LogPosition {
        let position = LogPosition { cursor: next_cursor(self.last, now / 1000), previous: self.last };
        self.last = position.cursor;
        let value = Announcement {
            channel: event.channel.clone(),
            class: event.class,
            position: Some(position),
            accepted_at: now,
            expires_at,
            tracked: None,
            frame: event.frame(None),
        };
        self.values.insert(event.key.as_str().into(), value);
        while self.values.len() as u64 > keep.retained_keys {
            self.evict_one(now / 1000);
        }
        position
    }

    /// Returns the unexpired values with a later version, ordered by version.
    pub(super) fn after(&self, version: Cursor, now: u64) -> Vec<Announcement> {
        let is_later = |value: &&Announcement| value.position.is_some_and(|position| position.cursor > version);
        let mut found: Vec<Announcement> =
            self.values.values().filter(is_later).filter(|value| !value.is_expired(|| now)).cloned().collect();
        found.sort_by_key(|value| value.position.map(|position| position.cursor));
        found
    }

    /// Removes an expired value if there is one, else the value that was changed longest ago.
    fn evict_one(&mut self, now: u64) {
        let age =
            |value: &Announcement| (!value.is_expired(|| now), value.position.map(|position| position.cursor));
        let oldest = self.values.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.values.remove(&key);
        }
    }
}

/// Returns the cursor that follows `last`: the time, or the next sequence number if the clock has
/// not advanced.
pub(super) fn next_cursor(last: Cursor, now: u64) -> Cursor {
    if now > last.millis {
        Cursor { millis: now, sequence: 0 }
    } else {
        Cursor { millis: last.millis, sequence: last.sequence + 1 }
    }
}
