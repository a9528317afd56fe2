//! The Streams in which it is told what became of events, which events have fallen back, and what clients emit, read by consumer groups:
//! one Stream a shard, all of them asked together, again and again. Nothing blocks a connection, so that what else goes
//! over it goes on; and an answer that does not come is noticed like any other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, Value};
use wirebell_protocol::Shard;

use super::routes::Request;
use super::{RedisBus, read};
use crate::error::PublishError;
use crate::failure::Failure;

/// Most dead letters that a shard keeps.
const MOST_DEAD: u32 = 1_000_000;
/// Most idle entries that are looked at in one shard at once.
const MOST_IDLE: usize = 100;

const KEEP: &str = include_str!("keep.lua");
const BURY: &str = include_str!("bury.lua");
const LEAVE: &str = include_str!("leave.lua");

/// Which Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What has fallen back.
    Fallback,
    /// What became of events.
    Receipts,
    /// What clients emit.
    Inbox,
}

/// A consumer group on the Streams of all shards, and this worker in it.
pub(crate) struct Group {
    pub(super) bus: Arc<RedisBus>,
    kind: Kind,
    pub(super) name: String,
    worker: String,
}

/// An entry of a Stream that this worker has in its hand.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) place: EntryPlace,
    pub(crate) fields: HashMap<String, String>,
    /// How often it was handed to somebody.
    pub(crate) tries: u32,
}

/// Where an entry stands.
pub(crate) type EntryPlace = (Shard, String);

/// An entry as Redis tells it, and those of one Stream.
type Row = (String, HashMap<String, String>);
type Rows = (String, Vec<Row>);

impl Group {
    pub(crate) fn new(bus: &Arc<RedisBus>, kind: Kind, name: &str, worker: &str) -> Self {
        Self { bus: Arc::clone(bus), kind, name: name.to_owned(), worker: worker.to_owned() }
    }

    /// Makes the group where there is none, with everything that stands in the Streams before it.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        let requests: Vec<Request> = Shard::all()
            .map(|shard| {
                let key = self.key(shard);
                let mut create = redis::cmd("XGROUP");
                create.arg("CREATE").arg(&key).arg(&self.name).arg(0).arg("MKSTREAM");
                Request::about(&key, create)
            })
            .collect();
        let answers = self.bus.ask(&requests).await;
        let failed = answers.into_iter().filter_map(Result::err).find(|failure| !has_code(failure, "BUSYGROUP"));
        failed.map_or(Ok(()), Err)
    }

    /// Takes up to `most` new entries of each shard.
    pub(crate) async fn read(&self, most: usize) -> Result<Vec<Entry>, Failure> {
        let request = |shard| {
            let key = self.key(shard);
            let mut read = redis::cmd("XREADGROUP");
            read.arg("GROUP").arg(&self.name).arg(&self.worker).arg("COUNT").arg(most);
            read.arg("STREAMS").arg(&key).arg(">");
            Request::about(&key, read)
        };
        let answers: Vec<Option<Vec<Rows>>> = self.bus.ask_all(Shard::all().map(request)).await?;
        let entries = Shard::all().zip(answers).flat_map(|(shard, answer)| {
            let rows = answer.into_iter().flatten().flat_map(|(_, rows)| rows);
            rows.map(move |row| Entry::new(shard, row, 1))
        });
        Ok(entries.collect())
    }

    /// Takes entries over that nobody has attended to for so long: whoever had them is gone. Not those in `held`.
    pub(crate) async fn take_over(
        &self,
        idle: Duration,
        held: &HashSet<EntryPlace>,
    ) -> Result<Vec<Entry>, Failure> {
        let millis = millis(idle);
        let look = |shard| {
            let look = Request::command("XPENDING", &self.key(shard)).arg(&self.name).arg("IDLE").arg(millis);
            look.arg("-").arg("+").arg(MOST_IDLE)
        };
        let found: Vec<Vec<(String, String, u64, u32)>> = self.bus.ask_all(Shard::all().map(look)).await?;
        let mut taken = Vec::new();
        for (shard, rows) in Shard::all().zip(found) {
            let rows = rows.into_iter().filter(|(id, ..)| !held.contains(&(shard, id.clone())));
            let tries: HashMap<String, u32> = rows.map(|(id, _, _, tries)| (id, tries)).collect();
            if tries.is_empty() {
                continue;
            }
            let ids: Vec<&String> = tries.keys().collect();
            let claim = Request::command("XCLAIM", &self.key(shard)).arg(&self.name).arg(&self.worker);
            let rows: Vec<Row> = self.bus.ask_one(claim.arg(millis).arg(&ids)).await?;
            taken.extend(rows.into_iter().map(|row| {
                let before = tries.get(&row.0).copied().unwrap_or_default();
                Entry::new(shard, row, before + 1)
            }));
        }
        Ok(taken)
    }

    /// These are still being attended to.
    pub(crate) async fn keep(&self, held: &HashSet<EntryPlace>) -> Result<(), Failure> {
        let requests = by_shard(held.iter())
            .into_iter()
            .map(|(shard, ids)| script(KEEP, &[self.key(shard)]).arg(&self.name).arg(&self.worker).arg(&ids));
        self.bus.ask_all::<i64>(requests).await.map(drop)
    }

    /// These are done with.
    pub(crate) async fn done(&self, places: &[EntryPlace]) -> Result<(), Failure> {
        let request =
            |(shard, ids): (Shard, Vec<&str>)| Request::command("XACK", &self.key(shard)).arg(&self.name).arg(&ids);
        self.bus.ask_all::<i64>(by_shard(places.iter()).into_iter().map(request)).await.map(drop)
    }

    /// It is tried once more, by this worker.
    pub(crate) async fn again(&self, entry: &Entry) -> Result<(), Failure> {
        self.set(entry, Duration::ZERO, entry.tries).await
    }

    /// It is anybody's once it has been idle for `idle`, which it counts as having been for `so_far`.
    pub(crate) async fn set(&self, entry: &Entry, so_far: Duration, tries: u32) -> Result<(), Failure> {
        let (shard, id) = &entry.place;
        let claim = Request::command("XCLAIM", &self.key(*shard)).arg(&self.name).arg(&self.worker).arg(0).arg(id);
        let claim = claim.arg("IDLE").arg(millis(so_far)).arg("RETRYCOUNT").arg(tries).arg("JUSTID");
        self.bus.ask_one::<Value>(claim).await.map(drop)
    }

    /// It goes to the dead letters, once, and is done with.
    pub(crate) async fn bury(&self, entry: &Entry, reason: &str) -> Result<(), Failure> {
        if self.kind == Kind::Inbox {
            return self.give_up(entry, reason).await;
        }
        let (shard, id) = &entry.place;
        let keys = [self.key(*shard), self.dead(*shard)];
        let mut request = script(BURY, &keys).arg(&self.name).arg(id).arg(MOST_DEAD);
        request = request.arg("group").arg(&self.name).arg("tries").arg(entry.tries).arg("reason").arg(reason);
        for (name, value) in &entry.fields {
            request = request.arg(name).arg(value);
        }
        self.bus.ask_one::<i64>(request).await.map(drop)
    }

    /// This worker takes no part any more, unless something is still in its hand.
    pub(crate) async fn leave(&self) -> Result<(), Failure> {
        let request = |shard| script(LEAVE, &[self.key(shard)]).arg(&self.name).arg(&self.worker);
        self.bus.ask_all::<i64>(Shard::all().map(request)).await.map(drop)
    }

    /// For each shard: what the group has not read yet, if Redis knows; what its workers have in their hands; and the
    /// dead letters.
    pub(crate) async fn backlog(&self) -> Result<Vec<(Option<u64>, u64, u64)>, Failure> {
        let groups = Shard::all().map(|shard| {
            let key = self.key(shard);
            Request::about(&key, redis::cmd("XINFO").arg("GROUPS").arg(&key).to_owned())
        });
        let groups: Vec<Vec<HashMap<String, Value>>> = self.bus.ask_all(groups).await?;
        let dead = Shard::all().map(|shard| Request::command("XLEN", &self.dead(shard)));
        let dead: Vec<u64> = self.bus.ask_all(dead).await?;
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

    fn dead(&self, shard: Shard) -> String {
        let keys = &self.bus.options.keys;
        if self.kind == Kind::Inbox { keys.inbox_dead(shard) } else { keys.dead_letters(shard) }
    }
}

impl RedisBus {
    fn stream(&self, kind: Kind, shard: Shard) -> String {
        match kind {
            Kind::Fallback => self.options.keys.fallback(shard),
            Kind::Receipts => self.options.keys.receipts(shard),
            Kind::Inbox => self.options.keys.inbox(shard),
        }
    }

    /// Where the Streams end now, shard by shard.
    pub(crate) async fn ends_of(&self, kind: Kind) -> Result<Vec<String>, Failure> {
        let last =
            |shard| Request::command("XREVRANGE", &self.stream(kind, shard)).arg("+").arg("-").arg("COUNT").arg(1);
        let rows: Vec<Vec<Row>> = self.ask_all(Shard::all().map(last)).await?;
        let id = |rows: Vec<Row>| rows.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id);
        Ok(rows.into_iter().map(id).collect())
    }

    /// Up to `most` entries of each shard behind these ends.
    pub(crate) async fn behind(&self, kind: Kind, ends: &[String], most: usize) -> Result<Vec<Entry>, Failure> {
        let next = |(shard, end): (Shard, &String)| {
            let range = Request::command("XRANGE", &self.stream(kind, shard)).arg(format!("({end}")).arg("+");
            range.arg("COUNT").arg(most)
        };
        let rows: Vec<Vec<Row>> = self.ask_all(Shard::all().zip(ends).map(next)).await?;
        let entries = Shard::all().zip(rows);
        Ok(entries.flat_map(|(shard, rows)| rows.into_iter().map(move |row| Entry::new(shard, row, 1))).collect())
    }
}

impl Entry {
    fn new(shard: Shard, (id, fields): Row, tries: u32) -> Self {
        Self { place: (shard, id), fields, tries }
    }
}

/// A small script of this crate, which runs seldom enough to be sent whole.
fn script(text: &str, keys: &[String]) -> Request {
    let first = keys.first().map_or("", String::as_str);
    Request::about(first, redis::cmd("EVAL").arg(text).arg(keys.len()).arg(keys).to_owned())
}

/// Does Redis say so in this failure?
pub(crate) fn has_code(failure: &Failure, code: &str) -> bool {
    matches!(&failure.error, PublishError::Refused(refusal) if refusal.code == code)
}

fn by_shard<'a>(places: impl Iterator<Item = &'a EntryPlace>) -> HashMap<Shard, Vec<&'a str>> {
    let mut sorted: HashMap<Shard, Vec<&str>> = HashMap::new();
    for (shard, id) in places {
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
