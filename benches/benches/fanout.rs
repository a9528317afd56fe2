//! The hub's cost of an event: from the embedded bus through the registry to the recipients' wires.
//! The wires discard everything, so only the gateway's own work is measured.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has to fail")]

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway::bus::SharedBus;
use gateway::bus::memory::MemoryBus;
use gateway::hub::{Frame, Hub, Membership, Pinged, Settings, SubscribeFrom, Wire, Written};
use gateway::lifecycle::Lifecycle;
use gateway::telemetry::Metrics;
use tokio::runtime::Runtime;
use wirebell_protocol::inbox::Bounds;
use wirebell_protocol::publish::Retentions;
use wirebell_protocol::{Channel, Event, NodeId, Prepared};

/// A wire that counts frames and discards them.
#[derive(Debug)]
struct Counting(Arc<AtomicU64>);

impl Wire for Counting {
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written {
        self.0.fetch_add(frames.len() as u64, Ordering::Relaxed);
        Written::All
    }

    fn try_ping(&self) -> Pinged {
        Pinged::All
    }
}

/// A node without listeners, with one idle session for each user.
struct Node {
    bus: SharedBus,
    written: Arc<AtomicU64>,
    _memberships: Vec<Membership>,
    _life: Lifecycle,
}

async fn node(users: u64) -> Node {
    let (life, metrics) = (Lifecycle::default(), Arc::new(Metrics::new().unwrap()));
    let id = NodeId::from_bits(1);
    let (bus, deliveries) =
        MemoryBus::start(id, Retentions::default(), Bounds::default(), 65_536, &life, Arc::clone(&metrics));
    let bus: SharedBus = Arc::new(bus);
    let settings = Settings {
        node: id,
        linger: Duration::from_secs(5),
        send_buffer_bytes: 262_144,
        connection_log: 0,
        reply_timeout: Duration::from_secs(10),
        heartbeat: Duration::from_secs(25),
        presence: None,
    };
    let hub = Hub::start(settings, Arc::clone(&bus), deliveries, &life, metrics);
    let (written, mut memberships) = (Arc::new(AtomicU64::new(0)), Vec::new());
    for user in 0..users {
        let channel = Channel::user(&user.to_string()).unwrap();
        let mut membership = hub.join(&channel, None, Some(Arc::new(Counting(Arc::clone(&written)))));
        membership.subscribe(&channel, SubscribeFrom::Now, Duration::from_secs(10)).await.unwrap();
        assert!(pin!(membership.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        memberships.push(membership);
    }
    Node { bus, written, _memberships: memberships, _life: life }
}

/// Returns events to the channels in turn, each with its own id.
fn events(to: &str, count: usize, ids: &mut u64) -> Vec<Prepared> {
    let mut next = |index: usize| {
        *ids += 1;
        let to = to.replace('%', &(index % 1000).to_string());
        let json = format!(
            r#"{{"to":"{to}","type":"payment-status","class":"volatile","id":"{ids}","time":"2026-11-21T10:00:00Z","data":{{"status":"paid"}}}}"#
        );
        Prepared::all(&Event::parse(json.as_bytes(), 65_536).unwrap())
    };
    (0..count).flat_map(&mut next).collect()
}

impl Node {
    /// Publishes the events and waits until every wire has its frames.
    async fn deliver(&self, events: &[Prepared], deliveries: u64) {
        let until = self.written.load(Ordering::Relaxed) + deliveries;
        self.bus.publish(events).await;
        while self.written.load(Ordering::Relaxed) < until {
            tokio::task::yield_now().await;
        }
    }
}

fn deliver(criterion: &mut Criterion, name: &str, users: u64, to: &str, count: usize, each: u64) {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let node = runtime.block_on(node(users));
    let mut ids = 0;
    let mut group = criterion.benchmark_group("deliveries");
    group.throughput(Throughput::Elements(count as u64 * each));
    group.bench_function(name, |bench| {
        bench.iter_batched(
            || events(to, count, &mut ids),
            |events| runtime.block_on(node.deliver(&events, count as u64 * each)),
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn fanout(criterion: &mut Criterion) {
    deliver(criterion, "500 events to one user each, of 1,000", 1_000, "user:%", 500, 1);
    deliver(criterion, "500 events to one user each, of 10,000", 10_000, "user:%", 500, 1);
    deliver(criterion, "an event to all of 10,000", 10_000, "all", 1, 10_000);
}

criterion_group!(benches, fanout);
criterion_main!(benches);
