//! The chaos run: real nodes and a real Redis under publishers and devices, with faults of every
//! kind. After the faults end, the audit checks that each device has every event that a publisher
//! saw confirmed.
//!
//! The module owns the servers, nodes, publishers and devices of a run. Input: a [`Scale`] with a seed. Output: a
//! [`Report`]. It sees nodes only from outside, like every other test.
//!
//! | module | holds |
//! | --- | --- |
//! | [`record`], [`audit`], [`receipts`] | the records of a run, and the rules over them |
//! | [`device`], [`disruption`] | clients that resume as the protocol says, and the disruptions that they cause |
//! | [`publish`] | publishers that retry with the same id |
//! | [`servers`], [`fleet`] | Redis in three topologies, and the nodes |
//! | [`plan`], [`injector`] | the faults drawn from the seed, and their injection |
//! | [`report`], [`command`] | a row of the table, and the command that prints it |

pub mod audit;
pub mod command;
pub mod device;
pub mod disruption;
pub mod fleet;
mod frame;
pub mod injector;
pub mod plan;
pub mod publish;
pub mod receipts;
pub mod record;
pub mod report;
pub mod servers;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use wirebell_protocol::event::Durability;

use self::device::{Device, DeviceCommands, DeviceContext};
use self::fleet::Fleet;
use self::injector::{FaultInjector, FaultLog};
use self::plan::{FaultSchedule, NodeFault, RedisFault};
use self::publish::{PublishPath, Publishers};
use self::receipts::TrackedResults;
use self::record::{DeviceEvent, DeviceRecord, PublishLog, Tracking};
use self::report::{Report, RunData};
use self::servers::{Servers, Topology};
use crate::node::API_KEY;
use crate::server_api::ServerApi;
use crate::token::Issuer;

/// Size of a log. It exceeds what any user receives in a run, so only a fault can make an event
/// missing.
const LOG_EVENTS: u64 = 50_000;
/// Number of nodes.
const NODES: usize = 3;
/// Number of publishers on each path.
const PUBLISHERS: [(PublishPath, u32); 3] =
    [(PublishPath::Single, 4), (PublishPath::Batch, 4), (PublishPath::Http, 4)];
/// Disruptions per second that all devices together cause.
const DISRUPTIONS_PER_SECOND: f64 = 15.0;
/// How long the next delivery may take once faults have ended.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long receipts and fallbacks may take after the last deadline.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the run waits for events that must not arrive.
const QUIET_PERIOD: Duration = Duration::from_secs(2);

/// The parameters of a run.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Topology of Redis.
    pub topology: Topology,
    /// Seed of the faults.
    pub seed: u64,
    /// How long faults are injected.
    pub duration: Duration,
    /// Number of users.
    pub users: u32,
    /// Devices per user.
    pub devices: u32,
    /// Events per second, without bursts.
    pub rate: f64,
    /// Whether events are published with `durability: "replicated"` and failovers happen without a
    /// pause.
    pub replicated: bool,
    /// Whether the only server loses everything in a crash. Then events are lost, and the audit
    /// must report them.
    pub without_persistence: bool,
    /// Log filter of the nodes.
    pub filter: String,
}

impl Scale {
    /// Returns the size for every change.
    pub fn small(topology: Topology, seed: u64) -> Self {
        let (duration, filter) = (Duration::from_secs(12), "info".to_owned());
        Self {
            topology,
            seed,
            duration,
            users: 100,
            devices: 2,
            rate: 100.0,
            without_persistence: false,
            replicated: topology.has_replicas(),
            filter,
        }
    }
}

/// The devices of a run.
struct Devices {
    records: Vec<Arc<Mutex<DeviceRecord>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Runs the test on its own servers.
pub async fn run(scale: Scale) -> Report {
    let mut rng = Rng::with_seed(scale.seed);
    let servers = Servers::start(scale.topology, scale.without_persistence).await;
    let proxied = match &servers {
        Servers::Standalone(redis) => Some(SocketAddr::from(([127, 0, 0, 1], redis.port()))),
        Servers::Sentinel(_) | Servers::Cluster(_) => None,
    };
    let fleet = Arc::new(Fleet::start(NODES, &servers.url(), proxied, &setup(&scale)).await);
    let (commands, receiver) =
        watch::channel(DeviceCommands { faults_over: false, finished: false, paused_user: None });
    let publish_log = Arc::new(PublishLog::default());
    let publishers = Arc::new(Publishers {
        publish_log: Arc::clone(&publish_log),
        publisher: Publishers::sdk(&servers.url()).await,
        fleet: Arc::clone(&fleet),
        gate: RwLock::new(()),
        users: scale.users,
        durability: if scale.replicated { Durability::Replicated } else { Durability::Primary },
    });
    let context = context(&scale, &fleet, &publish_log);
    let devices = Devices::start(&scale, &context, &receiver, &mut rng).await;

    let injector = FaultInjector {
        publishers: Arc::clone(&publishers),
        fleet: Arc::clone(&fleet),
        commands,
        fault_log: FaultLog::default(),
    };
    let started = Instant::now();
    let until = started + scale.duration;
    let (redis_faults, node_faults) = (
        FaultSchedule::new(RedisFault::of(scale.topology), rng.fork()),
        FaultSchedule::new(NodeFault::of(scale.topology), rng.fork()),
    );
    let publishing = publish(&publishers, &scale, &receiver, &mut rng);
    let (servers, ()) = tokio::join!(
        injector.run_redis_faults(servers, redis_faults, until),
        injector.run_node_faults(node_faults, until)
    );

    injector.commands.send_modify(|commands| (commands.faults_over, commands.paused_user) = (true, None));
    let quiet = Instant::now();
    for task in publishing {
        task.await.expect("a publisher does not panic");
    }
    let mut problems = fleet.all_ready().await;
    let first = devices.all_delivered(&publish_log).await;
    // A device that idles on a dead connection would go unnoticed. So each user gets one more
    // event.
    publishers.publish_to_all_users(receiver.clone()).await;
    let second = devices.all_delivered(&publish_log).await;
    problems.extend([first, second].into_iter().flatten());
    let time_to_deliver = quiet.elapsed();
    deadlines_pass(&publish_log).await;
    devices.receipts_complete(&publish_log, &fleet, &servers).await;
    sleep(QUIET_PERIOD).await;
    injector.commands.send_modify(|commands| commands.finished = true);
    let results = fetch_results(&fleet, &servers, &publish_log).await;
    let records = devices.finish().await;
    problems.extend(fleet.all_ready().await);

    drop(servers);
    let mut faults = injector.fault_log.counts();
    faults.extend(context.disruptions.counts());
    let (sent, fault_lines) = (publish_log.sent(), injector.fault_log.lines());
    let data = RunData { started: publish_log.started_unix(), sent, records, results };
    Report::new(scale, started.elapsed(), time_to_deliver, faults, data, problems, fleet.logs(), fault_lines)
}

/// Waits until the last deadline has passed.
async fn deadlines_pass(publish_log: &PublishLog) {
    let deadline = |sent: &record::SentEvent| match (sent.tracking, sent.confirmed) {
        // The bus counts from its acceptance, which is at the latest at the confirmation.
        (Some(Tracking::Deadline(seconds)), Some(confirmed)) => Some(confirmed.millis + seconds * 1000),
        _ => None,
    };
    let last = publish_log.sent().iter().filter_map(deadline).max().unwrap_or(0);
    sleep(Duration::from_millis(last.saturating_sub(publish_log.millis()))).await;
}

/// Fetches receipts and fallbacks from a node.
async fn fetch_results(fleet: &Fleet, servers: &Servers, publish_log: &PublishLog) -> TrackedResults {
    let Some(addresses) = fleet.pick() else { return TrackedResults::default() };
    TrackedResults::fetch(&ServerApi::new(addresses.services, Some(API_KEY)), servers, &publish_log.sent()).await
}

/// Returns the settings of the nodes that differ between runs.
fn setup(scale: &Scale) -> [(&'static str, String); 2] {
    let durability = if scale.replicated { "replicated" } else { "primary" };
    [("telemetry.log", scale.filter.clone()), ("bus.durability", durability.to_owned())]
}

fn context(scale: &Scale, fleet: &Arc<Fleet>, publish_log: &Arc<PublishLog>) -> Arc<DeviceContext> {
    let fleet = Arc::clone(fleet);
    let all = f64::from(scale.users) * f64::from(scale.devices);
    Arc::new(DeviceContext {
        balancer: Box::new(move || fleet.pick().map(|addresses| addresses.clients)),
        publish_log: Arc::clone(publish_log),
        issuer: Issuer::default(),
        disruptions: disruption::DisruptionCounts::default(),
        disruption_interval: Duration::from_secs_f64(all / DISRUPTIONS_PER_SECOND),
    })
}

fn publish(
    publishers: &Arc<Publishers>,
    scale: &Scale,
    receiver: &watch::Receiver<DeviceCommands>,
    rng: &mut Rng,
) -> Vec<JoinHandle<()>> {
    let all: u32 = PUBLISHERS.iter().map(|(_, count)| count).sum();
    let rate = scale.rate / f64::from(all);
    let mut tasks = Vec::new();
    for (path, count) in PUBLISHERS {
        for _ in 0..count {
            let (publishers, receiver, rng) = (Arc::clone(publishers), receiver.clone(), rng.fork());
            tasks.push(tokio::spawn(async move { publishers.publish_at_rate(path, rate, receiver, rng).await }));
        }
    }
    tasks
}

impl Devices {
    /// Starts all devices and waits until each has received its welcome.
    async fn start(
        scale: &Scale,
        context: &Arc<DeviceContext>,
        receiver: &watch::Receiver<DeviceCommands>,
        rng: &mut Rng,
    ) -> Self {
        let mut devices = Self { records: Vec::new(), tasks: Vec::new() };
        for user in 0..scale.users {
            for number in 0..scale.devices {
                let device = Device::new(user, number, Arc::clone(context), receiver.clone(), rng.fork());
                devices.records.push(device.record());
                devices.tasks.push(tokio::spawn(device.run_until_finished()));
                // Some hundred connections per second, as after any start.
                if devices.tasks.len().is_multiple_of(20) {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        let welcomed = |record: &Arc<Mutex<DeviceRecord>>| {
            let entries = &locked(record).entries;
            entries.iter().any(|entry| matches!(entry.event, DeviceEvent::Welcomed { .. }))
        };
        crate::eventually("every device is welcomed", || async { devices.records.iter().all(welcomed) }).await;
        devices
    }

    /// Waits until every device has every confirmed event. Returns what is missing if that takes
    /// too long.
    async fn all_delivered(&self, publish_log: &PublishLog) -> Option<String> {
        let (mut least, mut since) = (usize::MAX, Instant::now());
        loop {
            let missing = audit::missing(&publish_log.sent(), &self.snapshot());
            if missing == 0 {
                return None;
            }
            if missing < least {
                (least, since) = (missing, Instant::now());
            } else if since.elapsed() > DELIVERY_TIMEOUT {
                return Some(format!(
                    "{missing} deliveries are missing, and none has come for {DELIVERY_TIMEOUT:?}"
                ));
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Waits until receipts and fallbacks are correct, up to a time limit.
    async fn receipts_complete(&self, publish_log: &PublishLog, fleet: &Fleet, servers: &Servers) {
        let started = Instant::now();
        while started.elapsed() < RECEIPT_TIMEOUT {
            let results = fetch_results(fleet, servers, publish_log).await;
            if receipts::audit(publish_log.started_unix(), &publish_log.sent(), &self.snapshot(), &results)
                .is_empty()
            {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn snapshot(&self) -> Vec<DeviceRecord> {
        self.records.iter().map(|record| locked(record).clone()).collect()
    }

    async fn finish(self) -> Vec<DeviceRecord> {
        for task in self.tasks {
            task.await.expect("a device does not panic");
        }
        self.records.iter().map(|record| locked(record).clone()).collect()
    }
}

fn locked(record: &Mutex<DeviceRecord>) -> std::sync::MutexGuard<'_, DeviceRecord> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
