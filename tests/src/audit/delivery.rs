//! The delivery run: two nodes on one Redis, and users with two connections each. Events are
//! published through the SDK and over HTTP at the same time. Every connection must receive each
//! event of its user exactly once and in order.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirebell_protocol::{Cursor, Event};
use wirebell_publisher::Publisher;

use super::load_clients::{LoadClients, event};
use super::{Published, Violation, audit, count_by_kind};
use crate::node::{Node, Setup};
use crate::redis::Redis;
use crate::server_api::ServerApi;

/// Events in one request or in one call of the SDK.
const BATCH: usize = 100;
/// Every so many batches, events are published one per request.
const SINGLES_EVERY: usize = 10;

/// The size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Users, with two connections each.
    pub users: u32,
    /// Events published through the SDK.
    pub via_sdk: u32,
    /// Events published over HTTP.
    pub via_http: u32,
    /// Interval at which Redis cuts all pub/sub connections of the nodes while events are
    /// published.
    pub cut_every: Option<Duration>,
}

impl Scale {
    /// The full size: 10,000 connections, 250,000 events.
    pub const FULL: Self = Self { users: 5_000, via_sdk: 200_000, via_http: 50_000, cut_every: None };
    /// The size for every change.
    pub const SMALL: Self = Self { users: 500, via_sdk: 20_000, via_http: 5_000, cut_every: None };
    /// Pub/sub loses messages during this run; the nodes must repair them from the logs.
    pub const CUT: Self =
        Self { users: 200, via_sdk: 20_000, via_http: 0, cut_every: Some(Duration::from_millis(300)) };
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    connections: usize,
    cuts: u64,
    repaired: u64,
    accepted: usize,
    received: u64,
    publishing: Duration,
    until_last: Duration,
    /// All violations.
    pub violations: Vec<Violation>,
    /// Events that were rejected, or whose result is not usable.
    pub rejected: Vec<String>,
}

impl Report {
    /// Returns the number of connections that were cut on purpose.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Returns the number of events that the nodes repaired from the logs.
    pub fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Returns whether every event was delivered correctly.
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.rejected.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scale { users, via_sdk, via_http, .. } = self.scale;
        writeln!(f, "users                     {users:>10}")?;
        writeln!(f, "connections on two nodes  {:>10}", self.connections)?;
        writeln!(f, "published through the SDK  {via_sdk:>10}")?;
        writeln!(f, "published over HTTP       {via_http:>10}")?;
        writeln!(f, "connections to Redis cut  {:>10}", self.cuts)?;
        writeln!(f, "repaired from logs         {:>10}", self.repaired)?;
        writeln!(f, "accepted                  {:>10}", self.accepted)?;
        writeln!(f, "received                  {:>10}", self.received)?;
        writeln!(f, "publishing, seconds        {:>10.1}", self.publishing.as_secs_f64())?;
        writeln!(f, "last delivery, seconds     {:>10.1}", self.until_last.as_secs_f64())?;
        writeln!(f, "rejected                   {:>10}", self.rejected.len())?;
        for rejection in self.rejected.iter().take(5) {
            writeln!(f, "  {rejection}")?;
        }
        for (kind, count) in count_by_kind(self.violations.iter().map(|violation| violation.kind)) {
            writeln!(f, "{:<26}{count:>10}", format!("{kind:?}").to_lowercase())?;
        }
        for violation in self.violations.iter().take(10) {
            writeln!(f, "  {violation:?}")?;
        }
        write!(f, "{}", if self.passed() { "each event exactly once, in order" } else { "FAILED" })
    }
}

/// Runs the test on its own servers.
pub async fn run(scale: Scale) -> Report {
    let redis = Redis::start().await;
    let nodes = [Setup::serve(&redis).start().await, Setup::serve(&redis).start().await];
    let clients = LoadClients::connect(&targets(scale.users, &nodes)).await;
    let connections = 2 * scale.users as usize;

    let started = Instant::now();
    let users = |_| fastrand::u32(..scale.users);
    let via_sdk: Vec<(u32, u32)> = (0..scale.via_sdk).map(|number| (number, users(number))).collect();
    let all = scale.via_sdk + scale.via_http;
    let via_http: Vec<(u32, u32)> = (scale.via_sdk..all).map(|number| (number, users(number))).collect();
    let url = redis.url();
    let publish = async {
        let http_results = publish_via_http([nodes[0].api(), nodes[1].api()], &via_http);
        let (mut results, http_results) = tokio::join!(publish_via_sdk(&url, &via_sdk), http_results);
        results.extend(http_results);
        results
    };
    let (results, cuts) = run_while_cutting(&redis, scale.cut_every, publish).await;
    let publishing = started.elapsed();

    let (published, rejected) = split_results(results);
    clients.wait_for_events(2 * published.len() as u64).await;
    let until_last = started.elapsed();
    // A duplicate may arrive late.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let received = clients.events();
    let repaired = repaired(&nodes[0]).await + repaired(&nodes[1]).await;
    let violations = audit(&published, &clients.stop().await);
    let accepted = published.len();
    Report { scale, connections, cuts, repaired, accepted, received, publishing, until_last, violations, rejected }
}

/// Returns two connections for each user: on one node for every second user, on both nodes for the
/// others.
fn targets(users: u32, nodes: &[Node; 2]) -> Vec<(u32, SocketAddr)> {
    let node = |number: u32| nodes[(number % 2) as usize].clients;
    (0..users).flat_map(|user| [(user, node(user / 2)), (user, node(user / 2 + user % 2))]).collect()
}

async fn repaired(node: &Node) -> u64 {
    let metrics = node.api().get("/metrics").await.text;
    let value = metrics.lines().find_map(|line| line.strip_prefix("wirebell_repaired_total "));
    value.and_then(|value| value.parse().ok()).expect("a number of repairs")
}

/// Runs the work and cuts pub/sub connections meanwhile. Also returns the number of connections
/// that were cut.
async fn run_while_cutting<T>(redis: &Redis, every: Option<Duration>, work: impl Future<Output = T>) -> (T, u64) {
    let (mut cuts, mut work) = (0, std::pin::pin!(work));
    loop {
        let pause = tokio::time::sleep(every.unwrap_or(Duration::from_secs(3600)));
        tokio::select! {
            done = &mut work => return (done, cuts),
            () = pause => cuts += redis.cut_subscribers().await,
        }
    }
}

type PublishResult = Result<Published, String>;

fn split_results(results: Vec<PublishResult>) -> (Vec<Published>, Vec<String>) {
    let (mut published, mut rejected) = (Vec::with_capacity(results.len()), Vec::new());
    for one in results {
        match one {
            Ok(one) => published.push(one),
            Err(reason) => rejected.push(reason),
        }
    }
    (published, rejected)
}

async fn publish_via_sdk(url: &str, events: &[(u32, u32)]) -> Vec<PublishResult> {
    let publisher = Publisher::connect(url).await.expect("the SDK connects");
    let mut results = Vec::with_capacity(events.len());
    for (index, batch) in events.chunks(BATCH).enumerate() {
        let ready: Vec<Event> = batch.iter().map(|(number, user)| to_event(*number, *user)).collect();
        let outcomes = if index % SINGLES_EVERY == 0 {
            let mut outcomes = Vec::new();
            for event in ready {
                outcomes.push(publisher.publish(event).await);
            }
            outcomes
        } else {
            publisher.publish_all(ready).await
        };
        assert_eq!(outcomes.len(), batch.len(), "one result for each event");
        results.extend(batch.iter().zip(outcomes).map(|((number, user), outcome)| {
            let outcome = outcome.map_err(|error| format!("event {number} through the SDK: {error}"))?;
            check_result(*number, *user, &outcome.id, outcome.cursor())
        }));
    }
    results
}

async fn publish_via_http(apis: [ServerApi; 2], events: &[(u32, u32)]) -> Vec<PublishResult> {
    let mut results = Vec::with_capacity(events.len());
    for (index, batch) in events.chunks(BATCH).enumerate() {
        let api = &apis[index % 2];
        let ready: Vec<Value> = batch.iter().map(|(number, user)| event(*number, *user)).collect();
        let mut responses = Vec::new();
        if index % SINGLES_EVERY == 0 {
            for event in &ready {
                responses.push(api.publish(event).await.json());
            }
        } else if let Value::Array(items) = api.publish(&json!(ready)).await.json() {
            responses = items;
        }
        responses.resize(batch.len(), Value::Null);
        results.extend(batch.iter().zip(responses).map(|((number, user), response)| {
            let id = response["id"].as_str().ok_or_else(|| format!("event {number} over HTTP: {response}"))?;
            check_result(*number, *user, id, response["cursor"].as_str().and_then(|text| text.parse().ok()))
        }));
    }
    results
}

fn to_event(number: u32, user: u32) -> Event {
    Event::parse(event(number, user).to_string().as_bytes(), 1024).expect("a valid event")
}

fn check_result(number: u32, user: u32, id: &str, cursor: Option<Cursor>) -> PublishResult {
    if id != format!("e{number}") {
        return Err(format!("event {number}: the result has the id {id}"));
    }
    let cursor = cursor.ok_or_else(|| format!("event {number}: the result has no cursor"))?;
    Ok(Published { event: number, user, cursor })
}
