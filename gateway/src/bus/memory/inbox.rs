//! The inbox of the embedded bus: client events that wait for its one consumer.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;
use wirebell_protocol::ConnectionId;
use wirebell_protocol::inbox::{Answer, Bounds, Emission, Emitted, Emitter, Entry};

/// Maximum number of remembered ids. Beyond it, the oldest is forgotten early.
const MAX_SEEN_IDS: usize = 100_000;

/// The client events that are not finished.
pub(super) struct Inbox {
    bounds: Bounds,
    waiting: VecDeque<Waiting>,
    seen: HashMap<Key, Seen>,
    /// The ids in the order in which they were added, each with its expiry.
    order: VecDeque<(Key, u64)>,
    /// Users with an event in flight. Their next events wait.
    busy_users: HashSet<String>,
    numbers: u64,
    consumers: u64,
}

/// The user, and the id that its client gave.
type Key = (String, String);

/// An entry that waits for the consumer.
struct Waiting {
    entry: Entry,
    /// Attempts so far.
    attempts: u32,
    /// The earliest time of the next attempt, after one that failed.
    not_before: Option<Instant>,
}

/// What is remembered of an id.
struct Seen {
    /// The connection and `ref` that get the reply.
    reply_to: Option<(ConnectionId, String)>,
    answer: Option<Answer>,
}

impl Inbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: VecDeque::new(),
            seen: HashMap::new(),
            order: VecDeque::new(),
            busy_users: HashSet::new(),
            numbers: 0,
            consumers: 0,
        }
    }

    pub(super) fn add_consumer(&mut self) {
        self.consumers += 1;
    }

    /// Adds a client's event, once for each id that the client gives.
    pub(super) fn emit(&mut self, from: &Emitter<'_>, emission: &Emission, now: u64) -> Emitted {
        self.forget_expired(now);
        let reply_to = emission.reference.clone().map(|reference| (from.connection, reference));
        if let Some(id) = &emission.id {
            let key = (from.user.to_owned(), id.clone());
            if let Some(seen) = self.seen.get_mut(&key) {
                // The last connection that emitted the event gets the reply.
                seen.reply_to = reply_to.or_else(|| seen.reply_to.take());
                return Emitted { duplicate: true, services: self.consumers, answer: seen.answer.clone() };
            }
            self.order.push_back((key.clone(), now + self.bounds.seen_millis));
            self.seen.insert(key, Seen { reply_to, answer: None });
        }
        self.numbers += 1;
        let entry = Entry {
            id: emission.id.clone().unwrap_or_else(|| format!("{}", self.numbers)),
            kind: emission.kind.clone(),
            user: from.user.to_owned(),
            at: now,
            data: emission.data.to_string(),
            connection: Some(from.connection),
            device: from.device.map(str::to_owned),
            reference: emission.reference.clone(),
            traceparent: emission.traceparent.clone(),
        };
        self.push(entry);
        Emitted { duplicate: false, services: self.consumers, answer: None }
    }

    /// Adds an entry without deduplication, such as a presence event. If the inbox is full, the
    /// oldest is dropped.
    pub(super) fn push(&mut self, entry: Entry) {
        self.waiting.push_back(Waiting { entry, attempts: 0, not_before: None });
        if self.waiting.len() as u64 > self.bounds.length {
            self.waiting.pop_front();
        }
    }

    /// Takes the first entry that is not too old and may be attempted now, with the number of that
    /// attempt. Otherwise returns the time of the next attempt, if one is scheduled.
    pub(super) fn take(&mut self, now: Instant, wall: u64) -> Result<(Entry, u32), Option<Instant>> {
        let age = self.bounds.age_millis;
        self.waiting.retain(|waiting| waiting.entry.at + age > wall);
        let is_due = |waiting: &Waiting| {
            waiting.not_before.is_none_or(|at| at <= now) && !self.busy_users.contains(&waiting.entry.user)
        };
        let Some(index) = self.waiting.iter().position(is_due) else {
            return Err(self.waiting.iter().filter_map(|waiting| waiting.not_before).filter(|at| *at > now).min());
        };
        let taken = self.waiting.remove(index).ok_or(None)?;
        self.busy_users.insert(taken.entry.user.clone());
        Ok((taken.entry, taken.attempts + 1))
    }

    /// Stores the answer, and returns the connection and `ref` that get the reply.
    pub(super) fn finish(&mut self, entry: &Entry, answer: &Answer) -> Option<(ConnectionId, String)> {
        let own = || entry.connection.zip(entry.reference.clone());
        let Some(seen) = self.seen.get_mut(&(entry.user.clone(), entry.id.clone())) else { return own() };
        seen.answer.get_or_insert_with(|| answer.clone());
        seen.reply_to.clone()
    }

    /// Schedules the next attempt of an entry.
    pub(super) fn retry(&mut self, entry: Entry, attempts: u32, at: Instant) {
        self.waiting.push_back(Waiting { entry, attempts, not_before: Some(at) });
    }

    /// Ends the user's event in flight, so the user's next event may be taken.
    pub(super) fn release_user(&mut self, user: &str) {
        self.busy_users.remove(user);
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some((key, until)) = self.order.front() {
            if *until > now && self.order.len() <= MAX_SEEN_IDS {
                break;
            }
            self.seen.remove(key);
            self.order.pop_front();
        }
    }
}
