//! The delivery run: two nodes on one Redis, users with two connections each, events through the SDK and over
//! HTTP at the same time. Every connection must get each event of its user exactly once and in order.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirebell_protocol::{Cursor, Event};
use wirebell_publisher::Publisher;

use super::crowd::{Crowd, event};
use super::{Objection, Published, audit, tally};
use crate::http::Services;
use crate::node::{Node, Setup};
use crate::redis::Redis;

/// Events in one request, or in one call of the SDK.
const BATCH: usize = 100;
/// Each so many batches, the events go one a request.
const SINGLES_EVERY: usize = 10;

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Users, with two connections each.
    pub users: u32,
    /// Events that are published through the SDK.
    pub by_sdk: u32,
    /// Events that are published over HTTP.
    pub by_http: u32,
    /// How often, while events are published, Redis cuts every connection of the nodes that listens.
    pub cut_every: Option<Duration>,
}

impl Scale {
    /// 10,000 connections, 250,000 events.
    pub const FULL: Self = Self { users: 5_000, by_sdk: 200_000, by_http: 50_000, cut_every: None };
    /// What is run on every change.
    pub const SMALL: Self = Self { users: 500, by_sdk: 20_000, by_http: 5_000, cut_every: None };
    /// What pub/sub loses meanwhile must come from the logs.
    pub const CUT: Self =
        Self { users: 200, by_sdk: 20_000, by_http: 0, cut_every: Some(Duration::from_millis(300)) };
}

/// How a run went.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    connections: usize,
    cuts: u64,
    repaired: u64,
    accepted: usize,
    received: u64,
    publishing: Duration,
    whole: Duration,
    /// All that is wrong with it.
    pub objections: Vec<Objection>,
    /// Events that were refused, or about which the publisher was told nothing it could use.
    pub refused: Vec<String>,
}

impl Report {
    /// Connections that were cut on purpose.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Events that the nodes brought back from the logs.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Was every event delivered as it should be?
    pub fn is_sound(&self) -> bool {
        self.objections.is_empty() && self.refused.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scale { users, by_sdk, by_http, .. } = self.scale;
        writeln!(f, "users                     {users:>10}")?;
        writeln!(f, "connections on two nodes  {:>10}", self.connections)?;
        writeln!(f, "published by the SDK      {by_sdk:>10}")?;
        writeln!(f, "published over HTTP       {by_http:>10}")?;
        writeln!(f, "connections to Redis cut  {:>10}", self.cuts)?;
        writeln!(f, "brought back from logs    {:>10}", self.repaired)?;
        writeln!(f, "accepted                  {:>10}", self.accepted)?;
        writeln!(f, "received                  {:>10}", self.received)?;
        writeln!(f, "seconds of publishing     {:>10.1}", self.publishing.as_secs_f64())?;
        writeln!(f, "seconds until the last    {:>10.1}", self.whole.as_secs_f64())?;
        writeln!(f, "refused                   {:>10}", self.refused.len())?;
        for refusal in self.refused.iter().take(5) {
            writeln!(f, "  {refusal}")?;
        }
        for (wrong, count) in tally(self.objections.iter().map(|objection| objection.wrong)) {
            writeln!(f, "{:<26}{count:>10}", format!("{wrong:?}").to_lowercase())?;
        }
        for objection in self.objections.iter().take(10) {
            writeln!(f, "  {objection:?}")?;
        }
        write!(f, "{}", if self.is_sound() { "each event exactly once, in order" } else { "NOT SOUND" })
    }
}

/// Runs it on servers of its own.
pub async fn run(scale: Scale) -> Report {
    let redis = Redis::start().await;
    let nodes = [Setup::serve(&redis).start().await, Setup::serve(&redis).start().await];
    let crowd = Crowd::connect(&places(scale.users, &nodes)).await;
    let connections = 2 * scale.users as usize;

    let begun = Instant::now();
    let users = |_| fastrand::u32(..scale.users);
    let by_sdk: Vec<(u32, u32)> = (0..scale.by_sdk).map(|number| (number, users(number))).collect();
    let all = scale.by_sdk + scale.by_http;
    let by_http: Vec<(u32, u32)> = (scale.by_sdk..all).map(|number| (number, users(number))).collect();
    let url = redis.url();
    let publish = async {
        let over_http = publish_by_http([nodes[0].door(), nodes[1].door()], &by_http);
        let (mut told, over_http) = tokio::join!(publish_by_sdk(&url, &by_sdk), over_http);
        told.extend(over_http);
        told
    };
    let (told, cuts) = cutting(&redis, scale.cut_every, publish).await;
    let publishing = begun.elapsed();

    let (published, refused) = sort(told);
    crowd.wait_for_events(2 * published.len() as u64).await;
    let whole = begun.elapsed();
    // Whatever comes twice may come late.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let received = crowd.events();
    let repaired = repaired(&nodes[0]).await + repaired(&nodes[1]).await;
    let objections = audit(&published, &crowd.leave().await);
    let accepted = published.len();
    Report { scale, connections, cuts, repaired, accepted, received, publishing, whole, objections, refused }
}

/// Each user's two connections: on one node for every second user, on both for the others.
fn places(users: u32, nodes: &[Node; 2]) -> Vec<(u32, SocketAddr)> {
    let node = |number: u32| nodes[(number % 2) as usize].clients;
    (0..users).flat_map(|user| [(user, node(user / 2)), (user, node(user / 2 + user % 2))]).collect()
}

async fn repaired(node: &Node) -> u64 {
    let metrics = node.door().get("/metrics").await.text;
    let value = metrics.lines().find_map(|line| line.strip_prefix("wirebell_repaired_total "));
    value.and_then(|value| value.parse().ok()).expect("a number of repairs")
}

/// Runs the work, and cuts what listens meanwhile; says how many connections that were.
async fn cutting<T>(redis: &Redis, every: Option<Duration>, work: impl Future<Output = T>) -> (T, u64) {
    let (mut cuts, mut work) = (0, std::pin::pin!(work));
    loop {
        let pause = tokio::time::sleep(every.unwrap_or(Duration::from_secs(3600)));
        tokio::select! {
            done = &mut work => return (done, cuts),
            () = pause => cuts += redis.cut_listeners().await,
        }
    }
}

type Told = Result<Published, String>;

fn sort(told: Vec<Told>) -> (Vec<Published>, Vec<String>) {
    let (mut published, mut refused) = (Vec::with_capacity(told.len()), Vec::new());
    for one in told {
        match one {
            Ok(one) => published.push(one),
            Err(reason) => refused.push(reason),
        }
    }
    (published, refused)
}

async fn publish_by_sdk(url: &str, events: &[(u32, u32)]) -> Vec<Told> {
    let publisher = Publisher::connect(url).await.expect("the SDK connects");
    let mut told = Vec::with_capacity(events.len());
    for (index, batch) in events.chunks(BATCH).enumerate() {
        let ready: Vec<Event> = batch.iter().map(|(number, user)| as_event(*number, *user)).collect();
        let outcomes = if index % SINGLES_EVERY == 0 {
            let mut outcomes = Vec::new();
            for event in ready {
                outcomes.push(publisher.publish(event).await);
            }
            outcomes
        } else {
            publisher.publish_all(ready).await
        };
        assert_eq!(outcomes.len(), batch.len(), "one outcome for each event");
        told.extend(batch.iter().zip(outcomes).map(|((number, user), outcome)| {
            let outcome = outcome.map_err(|error| format!("event {number} by the SDK: {error}"))?;
            take_down(*number, *user, &outcome.id, outcome.cursor())
        }));
    }
    told
}

async fn publish_by_http(doors: [Services; 2], events: &[(u32, u32)]) -> Vec<Told> {
    let mut told = Vec::with_capacity(events.len());
    for (index, batch) in events.chunks(BATCH).enumerate() {
        let door = &doors[index % 2];
        let ready: Vec<Value> = batch.iter().map(|(number, user)| event(*number, *user)).collect();
        let mut answers = Vec::new();
        if index % SINGLES_EVERY == 0 {
            for event in &ready {
                answers.push(door.publish(event).await.json());
            }
        } else if let Value::Array(items) = door.publish(&json!(ready)).await.json() {
            answers = items;
        }
        answers.resize(batch.len(), Value::Null);
        told.extend(batch.iter().zip(answers).map(|((number, user), answer)| {
            let id = answer["id"].as_str().ok_or_else(|| format!("event {number} over HTTP: {answer}"))?;
            take_down(*number, *user, id, answer["cursor"].as_str().and_then(|text| text.parse().ok()))
        }));
    }
    told
}

fn as_event(number: u32, user: u32) -> Event {
    Event::parse(event(number, user).to_string().as_bytes(), 1024).expect("a good event")
}

fn take_down(number: u32, user: u32, id: &str, cursor: Option<Cursor>) -> Told {
    if id != format!("e{number}") {
        return Err(format!("event {number}: the outcome is that of {id}"));
    }
    let cursor = cursor.ok_or_else(|| format!("event {number}: the outcome has no cursor"))?;
    Ok(Published { event: number, user, cursor })
}
