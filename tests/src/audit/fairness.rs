//! The fairness run: one node whose many connections all get broadcasts, one right behind the other, while events go
//! to a single user. How long those take is measured against the same without broadcasts; who got what is checked.

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

/// Broadcasts that are under way at the same time.
const BROADCASTS_IN_FLIGHT: u64 = 3;
/// How many connect at the same time.
const CONCURRENT_CONNECTS: usize = 64;
/// The user to whom single events go.
const SINGLE_USER: &str = "one";

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Connections that get every broadcast.
    pub listeners: u32,
    /// Events to the single user, first while all is quiet and then during broadcasts.
    pub events: u32,
}

impl Scale {
    /// 10,000 connections.
    pub const FULL: Self = Self { listeners: 10_000, events: 1_500 };
    /// What is run on every change.
    pub const SMALL: Self = Self { listeners: 1_000, events: 300 };
}

/// How a run went.
#[derive(Debug)]
pub struct Report {
    scale: Scale,
    /// Broadcasts that were published while the single user got its events.
    pub broadcasts: u64,
    took: Duration,
    idle: Quantiles,
    busy: Quantiles,
    /// What each connection objects to.
    pub violations: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connections                    {:>10}", self.scale.listeners)?;
        writeln!(f, "broadcasts                     {:>10}", self.broadcasts)?;
        let each = self.took.as_secs_f64() * 1e3 / to_f64(self.broadcasts.max(1));
        writeln!(f, "ms for each broadcast          {each:>10.1}")?;
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
        write!(f, "{}", if passed { "each event exactly once, in order" } else { "NOT SOUND" })
    }
}

fn to_f64(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// Runs it on servers of its own.
pub async fn run(scale: Scale) -> Report {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let received = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let listeners = connect_listeners(scale.listeners, node.clients, &received, &stop).await;

    let (url, address) = (redis.url(), node.clients);
    let idle = measure_single_user(url.clone(), address, scale.events, 0).await;
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    let publisher = Publisher::connect(&url).await.expect("the SDK connects");
    let busy = async {
        let busy = measure_single_user(url.clone(), address, scale.events, scale.events).await;
        done.store(true, Ordering::Relaxed);
        busy
    };
    let ((busy, mut violations), broadcasts) =
        tokio::join!(busy, broadcast(&publisher, u64::from(scale.listeners), &received, &done));
    let took = begun.elapsed();
    violations.extend(idle.1);

    // Whatever comes twice may come late.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    for task in listeners {
        violations.extend(task.await.expect("a client does not panic").finish(broadcasts));
    }
    Report { scale, broadcasts, took, idle: Quantiles::of(idle.0), busy: Quantiles::of(busy), violations }
}

/// Publishes broadcasts of both classes that reach everyone, with a few under way at any time, until it is done; waits
/// until all have arrived, and says how many there were.
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

async fn wait_for(received: &AtomicU64, wanted: u64) {
    let begun = Instant::now();
    while received.load(Ordering::Relaxed) < wanted && begun.elapsed() < TIMEOUT {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What one connection expects next, and what it had to object to.
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

    /// It must have come to the last broadcast.
    fn finish(mut self, broadcasts: u64) -> Vec<String> {
        if self.broadcast != broadcasts {
            self.violations.push(format!("{} broadcasts, and it came to {}", broadcasts, self.broadcast));
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
            Incoming::Frame(frame) => check.violations.push(format!("a frame {frame}")),
            Incoming::Ping | Incoming::Silence => {}
            end => {
                check.violations.push(format!("the connection ended: {end:?}"));
                break;
            }
        }
    }
    check
}

/// Publishes to the single user one event after the other and says how long each was on its way. It runs on a thread of
/// its own, so that what is measured is the node's queue and not that of the listeners' tasks.
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
        let begun = Instant::now();
        let event = Event::new(&to, "single", &json!({"n": number})).expect("an event");
        publisher.publish(event).await.expect("a bus");
        loop {
            let Incoming::Frame(event) = client.next(TIMEOUT).await else { continue };
            if event["channel"] == "all" {
                // It came while broadcasts were under way, and begins with whatever durable one is announced next. One
                // that is not stored, and waited for its turn, may come to it from before that.
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
        took.push(begun.elapsed());
    }
    (took, check.violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_repeated_or_out_of_order_is_objected_to() {
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
