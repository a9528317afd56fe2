//! Users' histories, in memory.

use std::collections::{HashMap, VecDeque};

use wirebell_protocol::Channel;
use wirebell_protocol::connection_log::{AGE_MILLIS, ConnectionLogEntry};

use super::super::Happening;
use super::super::history::in_order;

/// Histories kept at the most; beyond that the one that has been idle longest goes.
const MOST_USERS: usize = 100_000;

/// What happened of late, by user.
#[derive(Default)]
pub(super) struct Histories(HashMap<Channel, History>);

#[derive(Default)]
struct History {
    entries: VecDeque<ConnectionLogEntry>,
    /// By the bus' clock, and not by the nodes'.
    written_at: u64,
}

impl Histories {
    pub(super) fn remember(&mut self, happening: &Happening, most: usize, now: u64) {
        if self.0.len() >= MOST_USERS && !self.0.contains_key(&happening.user) {
            self.forget(now);
        }
        let history = self.0.entry(happening.user.clone()).or_default();
        history.written_at = now;
        history.entries.push_back(happening.entry.clone());
        while history.entries.len() > most {
            history.entries.pop_front();
        }
    }

    pub(super) fn of(&self, user: &Channel, now: u64) -> Vec<ConnectionLogEntry> {
        let history = self.0.get(user).filter(|history| !history.is_over(now));
        history.map_or_else(Vec::new, |history| in_order(history.entries.iter().cloned().collect()))
    }

    fn forget(&mut self, now: u64) {
        self.0.retain(|_, history| !history.is_over(now));
        let idlest = self.0.iter().min_by_key(|(_, history)| history.written_at).map(|(user, _)| user.clone());
        if let (true, Some(idlest)) = (self.0.len() >= MOST_USERS, idlest) {
            self.0.remove(&idlest);
        }
    }
}

impl History {
    fn is_over(&self, now: u64) -> bool {
        self.written_at + AGE_MILLIS < now
    }
}
