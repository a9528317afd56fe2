//! Reads receipts, fallback events and inbox events from Streams by consumer groups. There is one
//! Stream for each shard, and all shards are polled together. Nothing blocks the shared connection,
//! so other requests pass, and a missing reply is detected like any other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, Value};
use wirebell_protocol::Shard;

use super::routes::Request;
use super::{RedisBus, read};
use crate::error::PublishError;
use crate::failure::Failure;

/// Most dead letters kept in each shard.
const MAX_DEAD_LETTERS: u32 = 1_000_000;
/// Most idle entries examined in one shard at once.
const MAX_IDLE_ENTRIES: usize = 100;

const RENEW: &str = include_str!("keep.lua");
const DEAD_LETTER: &str = include_str!("bury.lua");
const LEAVE: &str = include_str!("leave.lua");

/// Which Streams to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// Events that no device acknowledged by their deadline.
    Fallback,
    /// Final delivery states of tracked events.
    Receipts,
    /// Events that clients emit.
    Inbox,
}

/// A consumer group on the Streams of all shards, and this worker in it.
pub(crate) struct ConsumerGroup {
    pub(super) bus: Arc<RedisBus>,
    kind: StreamKind,
    pub(super) name: String,
    worker: String,
}

/// An entry of a Stream that is in flight at this worker.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: EntryId,
    pub(crate) fields: HashMap<String, String>,
    /// How often it was delivered to a worker.
    pub(crate) attempts: u32,
}

/// The shard and id of an entry.
pub(crate) type EntryId = (Shard, String);

/// An entry as Redis returns it, and the entries of one Stream.
type Row = (String, HashMap<String, String>);
type Rows = (String, Vec<Row>);

impl ConsumerGroup {
    pub(crate) fn new(bus: &Arc<RedisBus>, kind: StreamKind, name: &str, worker: &str) -> Self {
        Self { bus: Arc::clone(bus), kind, name: name.to_owned(), worker: worker.to_owned() }
    }

    /// Creates the group if it does not exist. It begins with the oldest entries of the Streams.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        let requests: Vec<Request> = Shard::all()
            .map(|shard| {
                let key = self.key(shard);
                let mut create = redis::cmd("XGROUP");
                create.arg("CREATE").arg(&key).arg(&self.name).arg(0).arg("MKSTREAM");
                Request::with_key(&key, create)
            })
            .collect();
        let answers = self.bus.execute(&requests).await;
        let failed = answers.into_iter().filter_map(Result::err).find(|failure| !has_code(failure, "BUSYGROUP"));
        failed.map_or(Ok(()), Err)
    }

    /// Reads up to `max` new entries of each shard.
    pub(crate) async fn read(&self, max: usize) -> Result<Vec<Entry>, Failure> {
        let request = |shard| {
            let key = self.key(shard);
            let mut read = redis::cmd("XREADGROUP");
            read.arg("GROUP").arg(&self.name).arg(&self.worker).arg("COUNT").arg(max);
            read.arg("STREAMS").arg(&key).arg(">");
            Request::with_key(&key, read)
        };
        let answers: Vec<Option<Vec<Rows>>> = self.bus.execute_all(Shard::all().map(request)).await?;
        let entries = Shard::all().zip(answers).flat_map(|(shard, answer)| {
            let rows = answer.into_iter().flatten().flat_map(|(_, rows)| rows);
            rows.map(move |row| Entry::new(shard, row, 1))
        });
        Ok(entries.collect())
    }

    /// Takes over entries whose lease was not renewed for `idle`: their worker is gone. Skips those
    /// `in_flight`.
    pub(crate) async fn take_over(
        &self,
        idle: Duration,
        in_flight: &HashSet<EntryId>,
    ) -> Result<Vec<Entry>, Failure> {
        let millis = millis(idle);
        let look = |shard| {
            let look = Request::command("XPENDING", &self.key(shard)).arg(&self.name).arg("IDLE").arg(millis);
            look.arg("-").arg("+").arg(MAX_IDLE_ENTRIES)
        };
        let found: Vec<Vec<(String, String, u64, u32)>> = self.bus.execute_all(Shard::all().map(look)).await?;
        let mut taken = Vec::new();
        for (shard, rows) in Shard::all().zip(found) {
            let rows = rows.into_iter().filter(|(id, ..)| !in_flight.contains(&(shard, id.clone())));
            let attempts: HashMap<String, u32> = rows.map(|(id, _, _, attempts)| (id, attempts)).collect();
            if attempts.is_empty() {
                continue;
            }
            let ids: Vec<&String> = attempts.keys().collect();
            let claim = Request::command("XCLAIM", &self.key(shard)).arg(&self.name).arg(&self.worker);
            let rows: Vec<Row> = self.bus.execute_one(claim.arg(millis).arg(&ids)).await?;
            taken.extend(rows.into_iter().map(|row| {
                let before = attempts.get(&row.0).copied().unwrap_or_default();
                Entry::new(shard, row, before + 1)
            }));
        }
        Ok(taken)
    }

    /// Renews the leases on these entries.
    pub(crate) async fn renew(&self, in_flight: &HashSet<EntryId>) -> Result<(), Failure> {
        let requests = by_shard(in_flight.iter())
            .into_iter()
            .map(|(shard, ids)| script(RENEW, &[self.key(shard)]).arg(&self.name).arg(&self.worker).arg(&ids));
        self.bus.execute_all::<i64>(requests).await.map(drop)
    }

    /// Acknowledges these entries.
    pub(crate) async fn acknowledge(&self, ids: &[EntryId]) -> Result<(), Failure> {
        let request =
            |(shard, ids): (Shard, Vec<&str>)| Request::command("XACK", &self.key(shard)).arg(&self.name).arg(&ids);
        self.bus.execute_all::<i64>(by_shard(ids.iter()).into_iter().map(request)).await.map(drop)
    }

    /// Records another attempt of this worker.
    pub(crate) async fn retry(&self, entry: &Entry) -> Result<(), Failure> {
        self.set_idle(entry, Duration::ZERO, entry.attempts).await
    }

    /// Sets for how long the entry has been idle. Any worker may take it over after `gone_after`.
    pub(crate) async fn set_idle(&self, entry: &Entry, idle: Duration, attempts: u32) -> Result<(), Failure> {
        let (shard, id) = &entry.id;
        let claim = Request::command("XCLAIM", &self.key(*shard)).arg(&self.name).arg(&self.worker).arg(0).arg(id);
        let claim = claim.arg("IDLE").arg(millis(idle)).arg("RETRYCOUNT").arg(attempts).arg("JUSTID");
        self.bus.execute_one::<Value>(claim).await.map(drop)
    }

    /// Moves the entry to the dead letters, once, and acknowledges it.
    pub(crate) async fn dead_letter(&self, entry: &Entry, reason: &str) -> Result<(), Failure> {
        if self.kind == StreamKind::Inbox {
            return self.dead_letter_inbox(entry, reason).await;
        }
        let (shard, id) = &entry.id;
        let keys = [self.key(*shard), self.dead_letters_key(*shard)];
        let mut request = script(DEAD_LETTER, &keys).arg(&self.name).arg(id).arg(MAX_DEAD_LETTERS);
        request = request.arg("group").arg(&self.name).arg("tries").arg(entry.attempts).arg("reason").arg(reason);
        for (name, value) in &entry.fields {
            request = request.arg(name).arg(value);
        }
        self.bus.execute_one::<i64>(request).await.map(drop)
    }

    /// Removes this worker from the group, unless it has entries in flight.
    pub(crate) async fn leave(&self) -> Result<(), Failure> {
        let request = |shard| script(LEAVE, &[self.key(shard)]).arg(&self.name).arg(&self.worker);
        self.bus.execute_all::<i64>(Shard::all().map(request)).await.map(drop)
    }

    /// Returns for each shard: the number of unread entries, if Redis knows it; of entries in
    /// flight; and of dead letters.
    pub(crate) async fn backlog(&self) -> Result<Vec<(Option<u64>, u64, u64)>, Failure> {
        let groups = Shard::all().map(|shard| {
            let key = self.key(shard);
            Request::with_key(&key, redis::cmd("XINFO").arg("GROUPS").arg(&key).to_owned())
        });
        let groups: Vec<Vec<HashMap<String, Value>>> = self.bus.execute_all(groups).await?;
        let dead = Shard::all().map(|shard| Request::command("XLEN", &self.dead_letters_key(shard)));
        let dead: Vec<u64> = self.bus.execute_all(dead).await?;
        let ours = |groups: Vec<HashMap<String, Value>>| {
            let ours =
                groups.into_iter().find(|it| field::<String>(it, "name").as_deref() == Some(self.name.as_str()));
            let ours = ours.unwrap_or_default();
            (field(&ours, "lag"), field(&ours, "pending").unwrap_or_default())
        };
        Ok(groups.into_iter().map(ours).zip(dead).map(|((lag, pending), dead)| (lag, pending, dead)).collect())
    }

    fn key(&self, shard: Shard) -> String {
        self.bus.stream(self.kind, shard)
    }

    fn dead_letters_key(&self, shard: Shard) -> String {
        let keys = &self.bus.options.keys;
        if self.kind == StreamKind::Inbox { keys.inbox_dead(shard) } else { keys.dead_letters(shard) }
    }
}

impl RedisBus {
    fn stream(&self, kind: StreamKind, shard: Shard) -> String {
        match kind {
            StreamKind::Fallback => self.options.keys.fallback(shard),
            StreamKind::Receipts => self.options.keys.receipts(shard),
            StreamKind::Inbox => self.options.keys.inbox(shard),
        }
    }

    /// Returns the last id of each shard's Stream.
    pub(crate) async fn last_ids(&self, kind: StreamKind) -> Result<Vec<String>, Failure> {
        let last =
            |shard| Request::command("XREVRANGE", &self.stream(kind, shard)).arg("+").arg("-").arg("COUNT").arg(1);
        let rows: Vec<Vec<Row>> = self.execute_all(Shard::all().map(last)).await?;
        let id = |rows: Vec<Row>| rows.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id);
        Ok(rows.into_iter().map(id).collect())
    }

    /// Reads up to `max` entries of each shard after these ids.
    pub(crate) async fn entries_after(
        &self,
        kind: StreamKind,
        ids: &[String],
        max: usize,
    ) -> Result<Vec<Entry>, Failure> {
        let next = |(shard, id): (Shard, &String)| {
            let range = Request::command("XRANGE", &self.stream(kind, shard)).arg(format!("({id}")).arg("+");
            range.arg("COUNT").arg(max)
        };
        let rows: Vec<Vec<Row>> = self.execute_all(Shard::all().zip(ids).map(next)).await?;
        let entries = Shard::all().zip(rows);
        Ok(entries.flat_map(|(shard, rows)| rows.into_iter().map(move |row| Entry::new(shard, row, 1))).collect())
    }
}

impl Entry {
    fn new(shard: Shard, (id, fields): Row, attempts: u32) -> Self {
        Self { id: (shard, id), fields, attempts }
    }
}

/// A request that runs a small script of this crate. It is rare enough to send the source each
/// time.
fn script(text: &str, keys: &[String]) -> Request {
    let first = keys.first().map_or("", String::as_str);
    Request::with_key(first, redis::cmd("EVAL").arg(text).arg(keys.len()).arg(keys).to_owned())
}

/// Returns whether the failure is this error code of Redis.
pub(crate) fn has_code(failure: &Failure, code: &str) -> bool {
    matches!(&failure.error, PublishError::Refused(refusal) if refusal.code == code)
}

fn by_shard<'a>(ids: impl Iterator<Item = &'a EntryId>) -> HashMap<Shard, Vec<&'a str>> {
    let mut sorted: HashMap<Shard, Vec<&str>> = HashMap::new();
    for (shard, id) in ids {
        sorted.entry(*shard).or_default().push(id);
    }
    sorted
}

fn field<T: FromRedisValue>(fields: &HashMap<String, Value>, name: &str) -> Option<T> {
    fields.get(name).filter(|value| **value != Value::Nil).and_then(|value| read(value.clone()).ok())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
