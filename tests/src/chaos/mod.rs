//! The chaos run: real nodes and a real Redis under publishers and devices, and everything goes wrong that can. Then
//! it is quiet, and the audit asks whether each device has what the publisher was told is published.
//!
//! | module | holds |
//! | --- | --- |
//! | [`record`], [`audit`], [`receipts`] | what is written down, and the rules over it |
//! | [`device`], [`mischief`] | clients that resume as the protocol says, and what they do by themselves |
//! | [`publish`] | publishers that try again with the same id |
//! | [`servers`], [`fleet`] | Redis in three topologies, and the nodes |
//! | [`plan`], [`storm`] | the faults drawn from the seed, and how they are carried out |
//! | [`report`], [`command`] | a row of the table, and the command that prints it |

pub mod audit;
pub mod command;
pub mod device;
pub mod fleet;
mod frame;
pub mod mischief;
pub mod plan;
pub mod publish;
pub mod receipts;
pub mod record;
pub mod report;
pub mod servers;
pub mod storm;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use wirebell_protocol::event::Durability;

use self::device::{Around, Device, Orders};
use self::fleet::Fleet;
use self::plan::{Deck, NodeFault, RedisFault};
use self::publish::{Press, Way};
use self::receipts::Told;
use self::record::{Book, Record, Watch, What};
use self::report::{Report, Seen};
use self::servers::{Servers, Topology};
use self::storm::{Storm, Tally};
use crate::http::Services;
use crate::node::SERVICE_KEY;
use crate::token::Issuer;

/// What a log keeps: more than any user gets in a run, so that nothing is missing but by a fault.
const LOG_EVENTS: u64 = 50_000;
/// How many nodes.
const NODES: usize = 3;
/// How many publishers go each way.
const PUBLISHERS: [(Way, u32); 3] = [(Way::Single, 4), (Way::Batch, 4), (Way::Http, 4)];
/// Devices that do something unkind, all together, in a second.
const MISCHIEFS_A_SECOND: f64 = 15.0;
/// How long the next delivery may take once it is quiet.
const SETTLING: Duration = Duration::from_secs(20);
/// How long receipts and fallbacks may take after the last deadline.
const TELLING: Duration = Duration::from_secs(20);
/// How long is listened for what must not come.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// How a run is to be.
#[derive(Debug, Clone)]
pub struct Scale {
    /// How Redis is put together.
    pub topology: Topology,
    /// What the faults are drawn from.
    pub seed: u64,
    /// How long faults go on.
    pub duration: Duration,
    /// How many users.
    pub users: u32,
    /// How many devices each of them has.
    pub devices: u32,
    /// Events a second, apart from bursts.
    pub rate: f64,
    /// Are events published with `durability: "replicated"`, and failovers made without a pause?
    pub replicated: bool,
    /// Has the one server nothing after a crash? Then events are lost, and the audit must say so.
    pub forgetful: bool,
    /// Which log lines the nodes write.
    pub filter: String,
}

impl Scale {
    /// What is run on every change.
    pub fn small(topology: Topology, seed: u64) -> Self {
        let (duration, filter) = (Duration::from_secs(12), "info".to_owned());
        Self {
            topology,
            seed,
            duration,
            users: 100,
            devices: 2,
            rate: 100.0,
            forgetful: false,
            replicated: topology.has_replicas(),
            filter,
        }
    }
}

/// The devices of a run.
struct Crowd {
    records: Vec<Arc<Mutex<Record>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Runs it on servers of its own.
pub async fn run(scale: Scale) -> Report {
    let mut rng = Rng::with_seed(scale.seed);
    let servers = Servers::start(scale.topology, scale.forgetful).await;
    let proxied = match &servers {
        Servers::Standalone(redis) => Some(SocketAddr::from(([127, 0, 0, 1], redis.port()))),
        Servers::Sentinel(_) | Servers::Cluster(_) => None,
    };
    let fleet = Arc::new(Fleet::start(NODES, &servers.url(), proxied, &setup(&scale)).await);
    let (orders, told) = watch::channel(Orders { calm: false, over: false, frozen: None });
    let book = Arc::new(Book::default());
    let press = Arc::new(Press {
        book: Arc::clone(&book),
        publisher: Press::sdk(&servers.url()).await,
        fleet: Arc::clone(&fleet),
        gate: RwLock::new(()),
        users: scale.users,
        durability: if scale.replicated { Durability::Replicated } else { Durability::Primary },
    });
    let around = around(&scale, &fleet, &book);
    let crowd = Crowd::start(&scale, &around, &told, &mut rng).await;

    let storm = Storm { press: Arc::clone(&press), fleet: Arc::clone(&fleet), orders, tally: Tally::default() };
    let begun = Instant::now();
    let until = begun + scale.duration;
    let (in_redis, in_nodes) = (
        Deck::new(RedisFault::of(scale.topology), rng.fork()),
        Deck::new(NodeFault::of(scale.topology), rng.fork()),
    );
    let publishing = publish(&press, &scale, &told, &mut rng);
    let (servers, ()) = tokio::join!(storm.in_redis(servers, in_redis, until), storm.in_nodes(in_nodes, until));

    storm.orders.send_modify(|orders| (orders.calm, orders.frozen) = (true, None));
    let quiet = Instant::now();
    for task in publishing {
        task.await.expect("a publisher does not panic");
    }
    let mut complaints = fleet.all_ready().await;
    let first = crowd.settled(&book).await;
    // Whoever has come to rest without anything live would be found by nobody, so there is one event more for each.
    press.round(told.clone()).await;
    let second = crowd.settled(&book).await;
    complaints.extend([first, second].into_iter().flatten());
    let settling = quiet.elapsed();
    deadlines_pass(&book).await;
    crowd.told(&book, &fleet, &servers).await;
    sleep(AFTERWARDS).await;
    storm.orders.send_modify(|orders| orders.over = true);
    let watched = told_by(&fleet, &servers, &book).await;
    let records = crowd.leave().await;
    complaints.extend(fleet.all_ready().await);

    drop(servers);
    let mut faults = storm.tally.counts();
    faults.extend(around.mischiefs.counts());
    let (sent, told) = (book.sent(), storm.tally.told());
    let seen = Seen { begun: book.begun_unix(), sent, records, watched };
    Report::new(scale, begun.elapsed(), settling, faults, seen, complaints, fleet.logs(), told)
}

/// Waits until the last deadline has passed.
async fn deadlines_pass(book: &Book) {
    let deadline = |sent: &record::Sent| match (sent.watch, sent.confirmed) {
        // The bus counts from its acceptance, which was at the confirmation at the latest.
        (Some(Watch::Deadline(seconds)), Some(confirmed)) => Some(confirmed.millis + seconds * 1000),
        _ => None,
    };
    let last = book.sent().iter().filter_map(deadline).max().unwrap_or(0);
    sleep(Duration::from_millis(last.saturating_sub(book.millis()))).await;
}

/// What a node tells about receipts and fallbacks.
async fn told_by(fleet: &Fleet, servers: &Servers, book: &Book) -> Told {
    let Some(doors) = fleet.pick() else { return Told::default() };
    Told::ask(&Services::new(doors.services, Some(SERVICE_KEY)), servers, &book.sent()).await
}

/// What is particular to the nodes of this run.
fn setup(scale: &Scale) -> [(&'static str, String); 2] {
    let durability = if scale.replicated { "replicated" } else { "primary" };
    [("telemetry.log", scale.filter.clone()), ("bus.durability", durability.to_owned())]
}

fn around(scale: &Scale, fleet: &Arc<Fleet>, book: &Arc<Book>) -> Arc<Around> {
    let fleet = Arc::clone(fleet);
    let all = f64::from(scale.users) * f64::from(scale.devices);
    Arc::new(Around {
        balancer: Box::new(move || fleet.pick().map(|doors| doors.clients)),
        book: Arc::clone(book),
        issuer: Issuer::default(),
        mischiefs: mischief::Mischiefs::default(),
        mischief_every: Duration::from_secs_f64(all / MISCHIEFS_A_SECOND),
    })
}

fn publish(
    press: &Arc<Press>,
    scale: &Scale,
    told: &watch::Receiver<Orders>,
    rng: &mut Rng,
) -> Vec<JoinHandle<()>> {
    let all: u32 = PUBLISHERS.iter().map(|(_, count)| count).sum();
    let rate = scale.rate / f64::from(all);
    let mut tasks = Vec::new();
    for (way, count) in PUBLISHERS {
        for _ in 0..count {
            let (press, told, rng) = (Arc::clone(press), told.clone(), rng.fork());
            tasks.push(tokio::spawn(async move { press.work(way, rate, told, rng).await }));
        }
    }
    tasks
}

impl Crowd {
    /// Starts all devices and waits until each of them has been welcomed.
    async fn start(scale: &Scale, around: &Arc<Around>, told: &watch::Receiver<Orders>, rng: &mut Rng) -> Self {
        let mut crowd = Self { records: Vec::new(), tasks: Vec::new() };
        for user in 0..scale.users {
            for number in 0..scale.devices {
                let device = Device::new(user, number, Arc::clone(around), told.clone(), rng.fork());
                crowd.records.push(device.record());
                crowd.tasks.push(tokio::spawn(device.live()));
                // Some hundreds a second, as after any start.
                if crowd.tasks.len().is_multiple_of(20) {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        let welcomed = |record: &Arc<Mutex<Record>>| {
            let lines = &locked(record).lines;
            lines.iter().any(|line| matches!(line.what, What::Welcomed { .. }))
        };
        crate::eventually("every device is welcomed", || async { crowd.records.iter().all(welcomed) }).await;
        crowd
    }

    /// Waits until every device has every confirmed event; says what is missing if that takes too long.
    async fn settled(&self, book: &Book) -> Option<String> {
        let (mut least, mut since) = (usize::MAX, Instant::now());
        loop {
            let missing = audit::missing(&book.sent(), &self.snapshot());
            if missing == 0 {
                return None;
            }
            if missing < least {
                (least, since) = (missing, Instant::now());
            } else if since.elapsed() > SETTLING {
                return Some(format!("{missing} deliveries are missing, and none has come for {SETTLING:?}"));
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Waits until receipts and fallbacks are what they should be, but not for ever.
    async fn told(&self, book: &Book, fleet: &Fleet, servers: &Servers) {
        let begun = Instant::now();
        while begun.elapsed() < TELLING {
            let told = told_by(fleet, servers, book).await;
            if receipts::audit(book.begun_unix(), &book.sent(), &self.snapshot(), &told).is_empty() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn snapshot(&self) -> Vec<Record> {
        self.records.iter().map(|record| locked(record).clone()).collect()
    }

    async fn leave(self) -> Vec<Record> {
        for task in self.tasks {
            task.await.expect("a device does not panic");
        }
        self.records.iter().map(|record| locked(record).clone()).collect()
    }
}

fn locked(record: &Mutex<Record>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
