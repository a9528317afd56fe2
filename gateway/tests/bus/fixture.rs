//! The buses under test, with helpers to publish and receive.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gateway::bus::memory::MemoryBus;
use gateway::bus::redis::{RedisBus, Settings};
use gateway::bus::{Bus, Delivery, DeliveryReceiver, Health};
use gateway::lifecycle::Lifecycle;
use gateway::telemetry::Metrics;
use tokio::sync::Mutex;
use wirebell_protocol::inbox::Bounds;
use wirebell_protocol::publish::{Accepted, Retention};
use wirebell_protocol::{Announcement, Channel, Class, Durability, Event, Keys, NodeId, Prepared};
use wirebell_tests::redis::{Cluster, Redis, Sentinels};

/// Bounds that a test can reach.
pub(crate) const RETENTION: Retention = Retention {
    log_events: 20,
    log_millis: 60_000,
    seen_millis: 60_000,
    receipt_millis: 60_000,
    retained_keys: 10,
    retained_millis: 60_000,
};
pub(crate) const INBOX: Bounds = Bounds { length: 1_000, age_millis: 60_000, seen_millis: 60_000 };
/// Capacity of the delivery queue.
pub(crate) const QUEUE: usize = 64;
/// Timeout for anything that must happen, long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Fixture {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) deliveries: DeliveryReceiver,
    pub(crate) node: NodeId,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) server: Option<Redis>,
    /// Servers that several concurrent tests share.
    shared: Option<Arc<dyn Any + Send + Sync>>,
    life: Lifecycle,
}

pub(crate) fn memory() -> Fixture {
    let (node, metrics) = (NodeId::from_bits(7), Arc::new(Metrics::new().unwrap()));
    let life = Lifecycle::default();
    let (bus, deliveries) = MemoryBus::start(node, RETENTION.into(), INBOX, QUEUE, &life, Arc::clone(&metrics));
    Fixture { bus: Arc::new(bus), deliveries, node, metrics, server: None, shared: None, life }
}

pub(crate) async fn redis() -> Fixture {
    on(Redis::start().await).await
}

/// Starts a bus on a Cluster that concurrent tests share, each with its own keys.
pub(crate) async fn cluster() -> Fixture {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());
    let cluster = shared(&SHARED, Cluster::start()).await;
    let mut fixture = at(cluster.url(), own_keys()).await;
    fixture.shared = Some(cluster);
    fixture
}

/// Starts a bus on servers with Sentinels, shared in the same way.
pub(crate) async fn sentinel() -> Fixture {
    static SHARED: Mutex<Weak<Sentinels>> = Mutex::const_new(Weak::new());
    let sentinels = shared(&SHARED, Sentinels::start()).await;
    let mut fixture = at(sentinels.url(), own_keys()).await;
    fixture.shared = Some(sentinels);
    fixture
}

/// Returns the instance in use, or starts one. The last user stops it.
async fn shared<T>(current: &Mutex<Weak<T>>, start: impl Future<Output = T>) -> Arc<T> {
    let mut current = current.lock().await;
    if let Some(running) = current.upgrade() {
        return running;
    }
    let started = Arc::new(start.await);
    *current = Arc::downgrade(&started);
    started
}

fn own_keys() -> Keys {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    Keys::new(&format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))).unwrap()
}

/// Starts a bus on this server.
pub(crate) async fn on(server: Redis) -> Fixture {
    let mut fixture = at(server.url(), Keys::default()).await;
    fixture.server = Some(server);
    fixture
}

/// Starts a bus at this URL, waits until it is up, and drops the delivery that its start causes.
pub(crate) async fn at(url: String, keys: Keys) -> Fixture {
    let (node, metrics, life) = (NodeId::from_bits(7), Arc::new(Metrics::new().unwrap()), Lifecycle::default());
    let (retentions, durability) = (RETENTION.into(), Durability::Primary);
    let settings = Settings { url, keys, retentions, inbox: INBOX, durability, queue: QUEUE, node };
    let (bus, mut deliveries) = RedisBus::start(settings, &life, &metrics).unwrap();
    wait_until_up(&bus).await;
    assert_eq!(next(&mut deliveries).await, Delivery::MissedAny);
    Fixture { bus: Arc::new(bus), deliveries, node, metrics, server: None, shared: None, life }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.life.stop.cancel();
    }
}

pub(crate) async fn wait_until_up(bus: &dyn Bus) {
    let mut health = bus.health();
    tokio::time::timeout(PATIENCE, health.wait_for(|health| *health == Health::Up)).await.unwrap().unwrap();
}

pub(crate) async fn wait_until_down(bus: &dyn Bus) {
    let mut health = bus.health();
    let down = health.wait_for(|health| *health != Health::Up);
    tokio::time::timeout(PATIENCE, down).await.unwrap().unwrap();
}

pub(crate) async fn next(deliveries: &mut DeliveryReceiver) -> Delivery {
    tokio::time::timeout(PATIENCE, deliveries.next()).await.expect("a delivery in time").expect("the bus lives")
}

impl Fixture {
    /// Returns the next event. Any other delivery fails the test.
    pub(crate) async fn event(&mut self) -> Announcement {
        match next(&mut self.deliveries).await {
            Delivery::Event(event) => event,
            other => panic!("expected an event, found {other:?}"),
        }
    }

    /// Asserts that no delivery is pending. An event on a separate channel is received first if
    /// nothing else was sent.
    pub(crate) async fn assert_no_delivery(&mut self) {
        let last = Channel::topic("the-last-one").unwrap();
        self.bus.subscribe(std::slice::from_ref(&last)).await.unwrap();
        self.publish("topic:the-last-one", "last", "1").await;
        assert_eq!(self.event().await.channel, last);
    }

    pub(crate) async fn publish(&self, to: &str, id: &str, data: &str) -> Accepted {
        one(self.bus.publish(&[prepared(to, id, data)]).await)
    }
}

pub(crate) fn one<T, E: std::fmt::Debug>(answers: Vec<Result<T, E>>) -> T {
    let [answer] = <[_; 1]>::try_from(answers).map_err(|_| "one answer").unwrap();
    answer.unwrap()
}

pub(crate) fn user() -> Channel {
    Channel::user("42").unwrap()
}

pub(crate) fn event(to: &str, id: &str, data: &str) -> Event {
    let mut event = Event::from_json(to, "thing", data).unwrap().id(id).unwrap();
    event.stamp(String::new, || "2026-11-21T10:00:00.123Z".to_owned());
    event
}

pub(crate) fn prepared(to: &str, id: &str, data: &str) -> Prepared {
    Prepared::all(&event(to, id, data)).remove(0)
}

pub(crate) fn volatile(to: &str, id: &str) -> Prepared {
    Prepared::all(&event(to, id, "1").class(Class::Volatile).unwrap()).remove(0)
}

pub(crate) fn text(event: &Announcement) -> String {
    String::from_utf8(event.frame.to_vec()).unwrap()
}
