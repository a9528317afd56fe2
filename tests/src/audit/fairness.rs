//! The fairness run. All connections of one node receive broadcasts without a pause while events go
//! to a single user. The latency of these events is compared with their latency without broadcasts.
//! What each connection receives is checked.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wirebell_protocol::{Class, Event};
use wirebell_publisher::Publisher;

use super::quantiles::Quantiles;
use crate::TIMEOUT;
use crate::client::{Client, Incoming, is_event};
use crate::node::Setup;
use crate::redis::Redis;
use crate::token::Issuer;

/// Broadcasts that are in flight at the same time.
const BROADCASTS_IN_FLIGHT: u64 = 3;
/// Clients that connect at the same time.
const CONCURRENT_CONNECTS: usize = 64;
/// The user who receives the single events.
const SINGLE_USER: &str = "one";

/// The size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Connections that receive every broadcast.
    pub listeners: u32,
    /// Events to the single user, without broadcasts and then again with broadcasts.
    pub events: u32,
}

impl Scale {
    /// The full size: 10,000 connections.
    pub const FULL: Self = Self { listeners: 10_000, events: 1_500 };
    /// The size for every change.
    pub const SMALL: Self = Self { listeners: 1_000, events: 300 };
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    /// Broadcasts that were published while the single user received its events.
    pub broadcasts: u64,
    took: Duration,
    idle: Quantiles,
    busy: Quantiles,
    /// The violations on all connections.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connections                    {:>10}", self.scale.listeners)?;
        writeln!(f, "broadcasts                     {:>10}", self.broadcasts)?;
        let each = self.took.as_secs_f64() * 1e3 / to_f64(self.broadcasts.max(1));
        writeln!(f, "ms per broadcast                {each:>10.1}")?;
        writeln!(f, "to one user, idle              {}", self.idle)?;
        writeln!(f, "to one user, during broadcasts {}", self.busy)?;
        let ratio = |name: &str, of: fn(&Quantiles) -> Duration| {
            format!("{name} {:.1}", of(&self.busy).as_secs_f64() / of(&self.idle).as_secs_f64())
        };
        writeln!(f, "ratio                          {}, {}", ratio("p50", |q| q.p50), ratio("p99", |q| q.p99))?;
        for violation in self.violations.iter().take(10) {
            writeln!(f, "  {violation}")?;
        }
        let passed = self.violations.is_empty();
        write!(f, "{}", if passed { "each event exactly once, in order" } else { "FAILED" })
    }
}

fn to_f64(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// Runs the test on its own servers.
pub async fn run(scale: Scale) -> Report {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let received = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let listeners = connect_listeners(scale.listeners, node.clients, &received, &stop).await;

    let (url, address) = (redis.url(), node.clients);
    let idle = measure_single_user(url.clone(), address, scale.events, 0).await;
    let done = AtomicBool::new(false);
    let started = Instant::now();
    let publisher = Publisher::connect(&url).await.expect("the SDK connects");
    let busy = async {
        let busy = measure_single_user(url.clone(), address, scale.events, scale.events).await;
        done.store(true, Ordering::Relaxed);
        busy
    };
    let ((busy, mut violations), broadcasts) =
        tokio::join!(busy, broadcast(&publisher, u64::from(scale.listeners), &received, &done));
    let took = started.elapsed();
    violations.extend(idle.1);

    // A duplicate may arrive late.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    for task in listeners {
        violations.extend(task.await.expect("a client does not panic").finish(broadcasts));
    }
    Report { scale, broadcasts, took, idle: Quantiles::of(idle.0), busy: Quantiles::of(busy), violations }
}

/// Publishes broadcasts of both classes to all listeners, a few in flight at any time, until `done`
/// is set. Waits until all have arrived and returns their number.
async fn broadcast(publisher: &Publisher, listeners: u64, received: &AtomicU64, done: &AtomicBool) -> u64 {
    let mut count: u64 = 0;
    while !done.load(Ordering::Relaxed) {
        let class = if count % 4 == 3 { Class::Volatile } else { Class::Durable };
        let event = Event::new("all", "broadcast", &json!({"n": count, "padding": "x".repeat(200)}));
        publisher.publish(event.and_then(|event| event.class(class)).expect("an event")).await.expect("a bus");
        count += 1;
        wait_for(received, listeners * count.saturating_sub(BROADCASTS_IN_FLIGHT)).await;
    }
    wait_for(received, listeners * count).await;
    count
}

async fn wait_for(received: &AtomicU64, expected: u64) {
    let started = Instant::now();
    while received.load(Ordering::Relaxed) < expected && started.elapsed() < TIMEOUT {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The numbers that one connection expects next, and the violations so far.
#[derive(Debug, Default)]
struct SequenceCheck {
    broadcast: u64,
    single: u64,
    violations: Vec<String>,
}

impl SequenceCheck {
    fn observe(&mut self, event: &Value) {
        let next = if event["channel"] == "all" { &mut self.broadcast } else { &mut self.single };
        if event["data"]["n"] != *next {
            self.violations.push(format!("expected {next} on {}, found {}", event["channel"], event["data"]["n"]));
        }
        *next = event["data"]["n"].as_u64().unwrap_or(u64::MAX - 1) + 1;
    }

    /// Adds a violation unless the last broadcast has arrived.
    fn finish(mut self, broadcasts: u64) -> Vec<String> {
        if self.broadcast != broadcasts {
            self.violations.push(format!("expected {} broadcasts, found {}", broadcasts, self.broadcast));
        }
        self.violations
    }
}

async fn connect_listeners(
    listeners: u32,
    address: SocketAddr,
    received: &Arc<AtomicU64>,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<SequenceCheck>> {
    let issuer = Issuer::default();
    stream::iter(0..listeners)
        .map(|number| {
            let token = issuer.token(&format!("u{number}"));
            async move { Client::connect(address, &token).await }
        })
        .buffer_unordered(CONCURRENT_CONNECTS)
        .map(|client| tokio::spawn(listen(client, Arc::clone(received), Arc::clone(stop))))
        .collect()
        .await
}

async fn listen(mut client: Client, received: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> SequenceCheck {
    let mut check = SequenceCheck::default();
    while !stop.load(Ordering::Relaxed) {
        match client.next(Duration::from_millis(500)).await {
            Incoming::Frame(frame) if is_event(&frame) => {
                check.observe(&frame);
                received.fetch_add(1, Ordering::Relaxed);
            }
            Incoming::Frame(frame) => check.violations.push(format!("unexpected frame {frame}")),
            Incoming::Ping | Incoming::Silence => {}
            end => {
                check.violations.push(format!("connection ended: {end:?}"));
                break;
            }
        }
    }
    check
}

/// Publishes events to the single user one by one and returns the latency of each. It runs on its
/// own thread. Otherwise the queue of the listeners' tasks would be measured, not that of the node.
async fn measure_single_user(
    url: String,
    address: SocketAddr,
    events: u32,
    from: u32,
) -> (Vec<Duration>, Vec<String>) {
    let thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(publish_one_by_one(&url, address, from..from + events))
    };
    tokio::task::spawn_blocking(thread).await.expect("the thread does not panic")
}

async fn publish_one_by_one(
    url: &str,
    address: SocketAddr,
    numbers: std::ops::Range<u32>,
) -> (Vec<Duration>, Vec<String>) {
    let publisher = Publisher::connect(url).await.expect("the SDK connects");
    let mut client = Client::connect(address, &Issuer::default().token(SINGLE_USER)).await;
    let to = format!("user:{SINGLE_USER}");
    let mut check = SequenceCheck { single: u64::from(numbers.start), ..SequenceCheck::default() };
    let mut joined = None;
    let mut took = Vec::new();
    for number in numbers {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..15))).await;
        let started = Instant::now();
        let event = Event::new(&to, "single", &json!({"n": number})).expect("an event");
        publisher.publish(event).await.expect("a bus");
        loop {
            let Incoming::Frame(event) = client.next(TIMEOUT).await else { continue };
            if event["channel"] == "all" {
                // The client connected while broadcasts were in flight. Its first durable broadcast
                // is the next one announced. A broadcast that is not stored may have waited in a
                // queue and may be an earlier one.
                if joined.is_none() && event.get("cursor").is_none() {
                    continue;
                }
                joined.get_or_insert_with(|| check.broadcast = event["data"]["n"].as_u64().unwrap_or(0));
            }
            check.observe(&event);
            if event["channel"] == to.as_str() {
                break;
            }
        }
        took.push(started.elapsed());
    }
    (took, check.violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_repeated_and_reordered_events_are_violations() {
        let event = |channel: &str, n: u64| json!({"channel": channel, "data": {"n": n}});
        let violations = |numbers: &[u64]| {
            let mut check = SequenceCheck::default();
            check.observe(&event("user:one", 0));
            for n in numbers {
                check.observe(&event("all", *n));
            }
            check.finish(3).len()
        };
        assert_eq!(violations(&[0, 1, 2]), 0);
        assert_eq!(violations(&[0, 2]), 1);
        assert_eq!(violations(&[0, 1]), 1);
        assert_eq!(violations(&[0, 1, 1, 2]), 1);
        assert_eq!(violations(&[0, 2, 1]), 3);
    }
}
