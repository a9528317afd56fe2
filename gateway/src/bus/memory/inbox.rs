//! The inbox of the embedded bus, and the one service that may read it: there is nobody else in this process.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wirebell_protocol::inbox::{Answer, Bounds, Emission, Emitted, Emitter, Entry};
use wirebell_protocol::{ConnectionId, ErrorCode};

use super::Shared;

/// Ids remembered at the most; beyond that the oldest is forgotten early.
const MOST_SEEN: usize = 100_000;

/// What clients have emitted and nobody is done with.
pub(super) struct Inbox {
    bounds: Bounds,
    waiting: VecDeque<Waiting>,
    seen: HashMap<Key, Seen>,
    /// The ids in the order in which they came, and when they are forgotten.
    order: VecDeque<(Key, u64)>,
    /// Users of whose events one is in the service's hand: their next ones wait.
    busy: HashSet<String>,
    numbers: u64,
    services: u64,
}

/// The user, and the id that its client gave.
type Key = (String, String);

/// An entry that is to be handed out.
struct Waiting {
    entry: Entry,
    /// How often it was.
    tries: u32,
    /// Not before, after a try that failed.
    not_before: Option<Instant>,
}

/// What is remembered of an id.
struct Seen {
    asked: Option<(ConnectionId, String)>,
    answer: Option<Answer>,
}

/// How often an event is tried.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// In all.
    pub most: u32,
    /// Before the second try, and at most before any.
    pub backoff: (Duration, Duration),
}

/// The inbox as its service reads it.
pub struct Service {
    shared: Arc<Shared>,
    tries: Tries,
}

/// An event in the service's hand. Dropped without a word, it is passed over: this bus dies with its process anyhow.
pub struct Claim {
    shared: Arc<Shared>,
    most: Tries,
    entry: Entry,
    tries: u32,
}

impl Inbox {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: VecDeque::new(),
            seen: HashMap::new(),
            order: VecDeque::new(),
            busy: HashSet::new(),
            numbers: 0,
            services: 0,
        }
    }

    pub(super) fn emit(&mut self, from: &Emitter<'_>, emission: &Emission, now: u64) -> Emitted {
        self.forget(now);
        let asked = emission.reference.clone().map(|reference| (from.connection, reference));
        if let Some(id) = &emission.id {
            let key = (from.user.to_owned(), id.clone());
            if let Some(seen) = self.seen.get_mut(&key) {
                // Whoever asked last is told.
                seen.asked = asked.or_else(|| seen.asked.take());
                return Emitted { duplicate: true, services: self.services, answer: seen.answer.clone() };
            }
            self.order.push_back((key.clone(), now + self.bounds.seen_millis));
            self.seen.insert(key, Seen { asked, answer: None });
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
        Emitted { duplicate: false, services: self.services, answer: None }
    }

    /// Adds what no client has emitted, or one has that is not known yet.
    pub(super) fn push(&mut self, entry: Entry) {
        self.waiting.push_back(Waiting { entry, tries: 0, not_before: None });
        if self.waiting.len() as u64 > self.bounds.length {
            self.waiting.pop_front();
        }
    }

    /// The first entry that is not too old and may be tried now; else when one may.
    fn take(&mut self, now: Instant, wall: u64) -> Result<(Entry, u32), Option<Instant>> {
        let age = self.bounds.age_millis;
        self.waiting.retain(|waiting| waiting.entry.at + age > wall);
        let is_due = |waiting: &Waiting| {
            waiting.not_before.is_none_or(|at| at <= now) && !self.busy.contains(&waiting.entry.user)
        };
        let Some(place) = self.waiting.iter().position(is_due) else {
            return Err(self.waiting.iter().filter_map(|waiting| waiting.not_before).filter(|at| *at > now).min());
        };
        let taken = self.waiting.remove(place).ok_or(None)?;
        self.busy.insert(taken.entry.user.clone());
        Ok((taken.entry, taken.tries + 1))
    }

    /// Whom to tell that it came to this.
    fn done(&mut self, entry: &Entry, answer: &Answer) -> Option<(ConnectionId, String)> {
        let own = || entry.connection.zip(entry.reference.clone());
        let Some(seen) = self.seen.get_mut(&(entry.user.clone(), entry.id.clone())) else { return own() };
        seen.answer.get_or_insert_with(|| answer.clone());
        seen.asked.clone()
    }

    fn forget(&mut self, now: u64) {
        while let Some((key, until)) = self.order.front() {
            if *until > now && self.order.len() <= MOST_SEEN {
                break;
            }
            self.seen.remove(key);
            self.order.pop_front();
        }
    }
}

impl Service {
    pub(super) fn open(shared: Arc<Shared>, tries: Tries) -> Self {
        shared.lock().inbox.services += 1;
        Self { shared, tries }
    }

    /// The next event; waits for it.
    pub async fn next(&self) -> Claim {
        loop {
            let taken = self.shared.lock().inbox.take(Instant::now(), super::micros() / 1000);
            match taken {
                Ok((entry, tries)) => {
                    return Claim { shared: Arc::clone(&self.shared), most: self.tries, entry, tries };
                }
                Err(None) => self.shared.news.notified().await,
                Err(Some(at)) => {
                    tokio::select! {
                        () = self.shared.news.notified() => {}
                        () = sleep_until(at) => {}
                    }
                }
            }
        }
    }
}

impl Claim {
    /// The event.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Which try this is, from 1.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// It is not for this service: nobody is told anything.
    pub fn pass_over(self) {}

    /// It is done with; the emitter is told this.
    pub fn done(self, answer: &Answer) {
        let told = self.shared.lock().inbox.done(&self.entry, answer);
        if let Some((connection, reference)) = told {
            self.shared.reply(answer.to(connection, &reference));
        }
    }

    /// It failed: it is tried again later, unless that was the last try.
    pub fn failed(self) {
        if self.tries >= self.most.most {
            tracing::error!(id = self.entry.id, tries = self.tries, "an event was given up");
            return self.done(&Answer::Error(ErrorCode::ServiceFailed));
        }
        let (first, longest) = self.most.backoff;
        let doubled = first.saturating_mul(1 << (self.tries - 1).min(16)).min(longest);
        let wait = doubled.mul_f64(fastrand::f64().mul_add(0.2, 0.9));
        let again =
            Waiting { entry: self.entry.clone(), tries: self.tries, not_before: Some(Instant::now() + wait) };
        self.shared.lock().inbox.waiting.push_back(again);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.lock().inbox.busy.remove(&self.entry.user);
        self.shared.news.notify_one();
    }
}
