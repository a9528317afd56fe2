//! The connection logs of all users, in memory.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::Channel;
use wirebell_protocol::connection_log::{AGE_MILLIS, ConnectionLogEntry};

use super::super::connection_log::{UserLogEntry, sort_and_dedup};

/// Maximum number of users with a log. Beyond it, the log that has been idle longest is removed.
const MAX_USERS: usize = 100_000;

/// The recent connection events of each user.
#[derive(Default)]
pub(super) struct ConnectionLogs(HashMap<Channel, ConnectionLog>);

#[derive(Default)]
struct ConnectionLog {
    entries: VecDeque<ConnectionLogEntry>,
    /// By the clock of the bus, not of the nodes.
    written_at: u64,
}

impl ConnectionLogs {
    pub(super) fn append(&mut self, entry: &UserLogEntry, max_entries: usize, now: u64) {
        if self.0.len() >= MAX_USERS && !self.0.contains_key(&entry.user) {
            self.evict(now);
        }
        let log = self.0.entry(entry.user.clone()).or_default();
        log.written_at = now;
        log.entries.push_back(entry.entry.clone());
        while log.entries.len() > max_entries {
            log.entries.pop_front();
        }
    }

    pub(super) fn read(&self, user: &Channel, now: u64) -> Vec<ConnectionLogEntry> {
        let log = self.0.get(user).filter(|log| !log.is_expired(now));
        log.map_or_else(Vec::new, |log| sort_and_dedup(log.entries.iter().cloned().collect()))
    }

    fn evict(&mut self, now: u64) {
        self.0.retain(|_, log| !log.is_expired(now));
        let oldest = self.0.iter().min_by_key(|(_, log)| log.written_at).map(|(user, _)| user.clone());
        if let (true, Some(oldest)) = (self.0.len() >= MAX_USERS, oldest) {
            self.0.remove(&oldest);
        }
    }
}

impl ConnectionLog {
    fn is_expired(&self, now: u64) -> bool {
        self.written_at + AGE_MILLIS < now
    }
}
