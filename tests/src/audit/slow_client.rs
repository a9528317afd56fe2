//! The slow-client run. One of many clients reads one kilobyte per second while events go to it and
//! to all others. The node must stay small. The others must see no delay. The slow client must end
//! with all of its events.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::task::JoinHandle;
use wirebell_protocol::Event;
use wirebell_publisher::{Publisher, Retention};

use super::quantiles::Quantiles;
use super::slow_reader::{ReadSpeed, SlowClient, out_of_sequence};
use crate::TIMEOUT;
use crate::client::{Client, Incoming, is_event};
use crate::memory::pss;
use crate::node::{Node, Setup};
use crate::redis::Redis;
use crate::token::Issuer;

/// Events in one call of the SDK.
const BATCH: u32 = 50;
/// Clients that connect at the same time.
const CONCURRENT_CONNECTS: usize = 64;
/// Approximate size of `data`, in bytes.
const BYTES: usize = 500;
/// The user of the slow client.
const SLOW: &str = "slow";

/// The size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Clients besides the slow one.
    pub others: u32,
    /// Events; every second one goes to the slow client.
    pub events: u32,
    /// Events per second.
    pub rate: u32,
}

impl Scale {
    /// The full size: 1,000 clients, 100,000 events.
    pub const FULL: Self = Self { others: 999, events: 100_000, rate: 4_000 };
    /// The size for every change.
    pub const SMALL: Self = Self { others: 199, events: 12_000, rate: 2_000 };
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    baseline: Quantiles,
    with_slow_client: Quantiles,
    /// Maximum growth of the node's memory while its client was slow, in bytes.
    pub growth: u64,
    /// Bytes of frames that the slow client had not read when the last event was published.
    pub unread: u64,
    /// Times that the client's send buffer was full.
    pub overflows: u64,
    /// Events that sessions read from the log.
    pub caught_up: u64,
    /// Whether `/inspect` listed the slow client while it was slow.
    pub listed_as_slow: bool,
    /// All violations.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scale { others, events, rate } = self.scale;
        writeln!(f, "other clients                  {others:>10}")?;
        writeln!(f, "events, half to slow client     {events:>10}")?;
        writeln!(f, "events per second               {rate:>10}")?;
        writeln!(f, "KiB unread at the end           {:>10}", self.unread / 1024)?;
        writeln!(f, "growth of the node, KiB         {:>10}", self.growth / 1024)?;
        writeln!(f, "send buffer overflows           {:>10}", self.overflows)?;
        writeln!(f, "events read from the log       {:>10}", self.caught_up)?;
        writeln!(f, "others, without slow client     {}", self.baseline)?;
        writeln!(f, "others, with slow client        {}", self.with_slow_client)?;
        let ratio = |of: fn(&Quantiles) -> Duration| {
            of(&self.with_slow_client).as_secs_f64() / of(&self.baseline).as_secs_f64()
        };
        writeln!(f, "ratio                          p50 {:.2}, p99 {:.2}", ratio(|q| q.p50), ratio(|q| q.p99))?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "  {violation}")?;
        }
        write!(f, "{}", if self.violations.is_empty() { "each event exactly once, in order" } else { "FAILED" })
    }
}

/// Runs the test on its own servers: first with fast clients only, then with one slow client.
pub async fn run(scale: Scale) -> Report {
    let redis = Redis::start().await;
    let node =
        Setup::serve(&redis).set("bus.log_events", "1000000").set("clients.outbox_bytes", "65536").start().await;
    let retention = Retention { log_events: 1_000_000, ..Retention::default() };
    let publisher =
        Publisher::builder(&redis.url()).retention(retention).connect().await.expect("the SDK connects");
    let (baseline, mut violations, ..) = phase(scale, &node, &publisher, ReadSpeed::Fast, 0).await;
    let (with_slow_client, more, growth, unread, listed_as_slow) =
        phase(scale, &node, &publisher, ReadSpeed::KilobytePerSecond, 1).await;
    violations.extend(more);
    let overflows = metric(&node, "wirebell_outbox_overflows_total{class=\"durable\"}").await;
    let caught_up = metric(&node, "wirebell_deliveries_total{class=\"durable\",outcome=\"caught_up\"}").await;
    let [baseline, with_slow_client] = [baseline, with_slow_client].map(Quantiles::of);
    Report { scale, baseline, with_slow_client, growth, unread, overflows, caught_up, listed_as_slow, violations }
}

type Phase = (Vec<Duration>, Vec<String>, u64, u64, bool);

async fn phase(scale: Scale, node: &Node, publisher: &Publisher, speed: ReadSpeed, number: u32) -> Phase {
    let started = Instant::now();
    let wanted = plan(scale);
    let slow_wanted = u64::from(wanted[SLOW]);
    let slow = SlowClient::connect(node.clients, &Issuer::default().token(&user(SLOW, number)), speed).await;
    let read = slow.read_so_far();
    let fast = slow.fast();
    let slow = tokio::spawn(slow.take(slow_wanted));
    let others = connect_others(scale, node.clients, number, started, &wanted).await;

    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn(watch(node.pid(), Arc::clone(&over)));
    publish(scale, publisher, number, started).await;
    let (mut took, mut violations) = (Vec::new(), Vec::new());
    for other in others {
        let (more, reported) = other.await.expect("a client does not panic");
        took.extend(more);
        violations.extend(reported);
    }
    over.store(true, Ordering::Relaxed);
    let growth = watch.await.expect("a number");
    let unread = (slow_wanted * BYTES as u64).saturating_sub(read.load(Ordering::Relaxed));
    let listed_as_slow = is_listed_as_slow(node, &user(SLOW, number)).await;
    fast.store(true, Ordering::Relaxed);
    violations.extend(slow.await.expect("the slow client does not panic"));
    (took, violations, growth, unread, listed_as_slow)
}

fn user(name: &str, phase: u32) -> String {
    format!("{name}-{phase}")
}

/// Returns the recipient of the event with this number.
fn recipient(scale: Scale, event: u32) -> String {
    if event.is_multiple_of(2) { SLOW.to_owned() } else { format!("u{}", event / 2 % scale.others) }
}

/// Returns the number of events for each recipient.
fn plan(scale: Scale) -> BTreeMap<String, u32> {
    let mut plan = BTreeMap::new();
    for event in 0..scale.events {
        *plan.entry(recipient(scale, event)).or_default() += 1;
    }
    plan
}

/// Publishes all events at the rate of the scale. Each event carries its number among those of its
/// user, and the time at which it was published.
async fn publish(scale: Scale, publisher: &Publisher, phase: u32, started: Instant) {
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) * BATCH / scale.rate);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for first in (0..scale.events).step_by(BATCH as usize) {
        ticks.tick().await;
        let at = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let batch = (first..scale.events.min(first + BATCH)).map(|event| {
            let to = recipient(scale, event);
            let number = numbers.entry(to.clone()).or_default();
            let data = json!({"n": *number, "at": at, "padding": "x".repeat(BYTES - 40)});
            *number += 1;
            Event::new(&format!("user:{}", user(&to, phase)), "slow", &data).expect("an event")
        });
        let batch: Vec<Event> = batch.collect();
        publisher.publish_all(batch).await.into_iter().for_each(|outcome| _ = outcome.expect("a bus"));
    }
}

async fn connect_others(
    scale: Scale,
    address: SocketAddr,
    phase: u32,
    started: Instant,
    wanted: &BTreeMap<String, u32>,
) -> Vec<JoinHandle<(Vec<Duration>, Vec<String>)>> {
    let issuer = Issuer::default();
    stream::iter(0..scale.others)
        .map(|number| {
            let name = format!("u{number}");
            let events = wanted.get(&name).copied().unwrap_or_default();
            let token = issuer.token(&user(&name, phase));
            async move { (Client::connect(address, &token).await, events) }
        })
        .buffer_unordered(CONCURRENT_CONNECTS)
        .map(|(client, events)| tokio::spawn(take(client, events, started)))
        .collect()
        .await
}

/// Receives this many events and returns the latency of each.
async fn take(mut client: Client, events: u32, started: Instant) -> (Vec<Duration>, Vec<String>) {
    let (mut took, mut violations) = (Vec::new(), Vec::new());
    let mut expected = 0;
    while expected < u64::from(events) {
        match client.next(2 * TIMEOUT).await {
            Incoming::Frame(frame) if is_event(&frame) => {
                let at = frame["data"]["at"].as_u64().map(Duration::from_micros).unwrap_or_default();
                took.push(started.elapsed().saturating_sub(at));
                violations.extend(out_of_sequence(&frame, &mut expected));
            }
            Incoming::Frame(_) | Incoming::Ping => {}
            end => {
                violations.push(format!("{}: expected event {expected}, found {end:?}", client.user()));
                break;
            }
        }
    }
    (took, violations)
}

/// Returns how much a process grows until `over` is set.
async fn watch(pid: u32, over: Arc<AtomicBool>) -> u64 {
    let before = pss(pid);
    let mut most = before;
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        most = most.max(pss(pid));
    }
    most - before
}

async fn is_listed_as_slow(node: &Node, user: &str) -> bool {
    let json = [("accept", "application/json")];
    let response = node.api().send("GET", "/inspect", &json, String::new()).await.json();
    response["slowest"].as_array().is_some_and(|slowest| slowest.iter().any(|session| session["user"] == user))
}

async fn metric(node: &Node, name: &str) -> u64 {
    let metrics = node.api().get("/metrics").await.text;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}
