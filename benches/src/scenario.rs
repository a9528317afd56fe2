//! A scenario: one system with its Redis and its clients, from start to end, and the measurements
//! on it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::account::DeliveryCounts;
use crate::awake::Awake;
use crate::failure::{Failure, Result};
use crate::latency::{Counts, Latency};
use crate::load_clients::{ClientStats, LoadClients, Sent};
use crate::mark::now;
use crate::peer::{Peer, RunConfig};
use crate::process::Processes;
use crate::publish::{self, Plan, PublishStats};
use crate::token::Issuer;
use crate::usage;
use crate::windows::Windows;

/// Time without arrivals after which the missing events count as missing.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds between two pings, the default of most systems.
pub const HEARTBEAT: u32 = 25;

/// One running system with its clients.
pub struct Scenario {
    /// The system.
    pub peer: &'static dyn Peer,
    /// Its configuration.
    pub config: RunConfig,
    /// Its clients.
    pub clients: LoadClients,
    // Dropped in this order: clients, system, Redis, folder.
    systems: Vec<Processes>,
    redis: Processes,
    folder: Folder,
    phase: u16,
    /// Memory of the system before the clients connected, in bytes.
    pub empty: f64,
}

/// A Redis server without a system.
pub struct RedisServer {
    /// The configuration, of which only the port of Redis is used.
    pub config: RunConfig,
    redis: Processes,
    _folder: Folder,
}

impl RedisServer {
    /// Starts the server.
    pub fn start() -> Result<Self> {
        let folder = Folder(folder()?);
        let config = config(&folder, Issuer::hs256(), 1, HEARTBEAT)?;
        Ok(Self { redis: redis_server(&config)?, config, _folder: folder })
    }

    /// Returns the ids of its processes.
    pub fn redis_pids(&self) -> Vec<u32> {
        self.redis.pids()
    }
}

/// The costs and results of a phase.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    /// CPU of the system.
    pub server: Duration,
    /// CPU of Redis.
    pub redis: Duration,
    /// CPU of the clients.
    pub clients: Duration,
    /// Time from the first event to the last arrival.
    pub wall: Duration,
    /// The delivery counts.
    pub account: DeliveryCounts,
    /// What the clients received, by process.
    pub seen: Vec<ClientStats>,
    /// The results of the publishers.
    pub published: Vec<PublishStats>,
}

/// A folder that is removed when this is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Scenario {
    /// Starts Redis, the system, and client processes with this many clients each. Does not connect
    /// them yet.
    pub fn start(peer: &'static dyn Peer, parts: &[u32], issuer: Issuer, heartbeat: u32) -> Result<Self> {
        Self::start_with(peer, parts, issuer, heartbeat, false)
    }

    /// The same, with one node of the system for each client process.
    pub fn start_nodes(peer: &'static dyn Peer, parts: &[u32], issuer: Issuer) -> Result<Self> {
        Self::start_with(peer, parts, issuer, HEARTBEAT, true)
    }

    fn start_with(
        peer: &'static dyn Peer,
        parts: &[u32],
        issuer: Issuer,
        heartbeat: u32,
        many: bool,
    ) -> Result<Self> {
        let folder = Folder(folder()?);
        let config = config(&folder, issuer, parts.iter().sum::<u32>() + 10, heartbeat)?;
        let redis = redis_server(&config)?;
        let mut systems = vec![peer.start(&config)?];
        let mut parts: Vec<(RunConfig, u32)> = parts.iter().map(|users| (config.clone(), *users)).collect();
        for (other, _) in parts.iter_mut().skip(1).filter(|_| many) {
            [other.clients, other.services, other.spare] = free_ports()?;
            systems.push(peer.start(other)?);
        }
        let clients = LoadClients::start(peer, &parts)?;
        Ok(Self { peer, config, clients, systems, redis, folder, phase: 0, empty: 0.0 })
    }

    /// Returns the ids of the system's processes.
    pub fn server_pids(&self) -> Vec<u32> {
        self.systems.iter().flat_map(Processes::pids).collect()
    }

    /// Waits until the system's memory is stable, and returns it in bytes.
    pub fn stable_memory(&self) -> u64 {
        let pids = self.server_pids();
        let begun = Instant::now();
        let mut last = usage::pss(&pids);
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let now = usage::pss(&pids);
            if now.abs_diff(last) < last / 200 || begun.elapsed() > TIMEOUT {
                return now;
            }
            last = now;
        }
    }

    /// Returns the number of the next phase.
    pub fn next_phase(&mut self) -> u16 {
        self.phase += 1;
        self.phase
    }

    /// Runs these plans at the same time, waits for their deliveries, and returns costs and
    /// results. The plans must have this phase.
    pub fn run(&mut self, phase: u16, plans: &[Plan], cursors: bool) -> Result<Phase> {
        self.clients.begin_phase(phase, cursors)?;
        // With a rate, latency is measured, so the processors must be awake.
        let time = plans.iter().filter_map(Plan::time).max();
        let awake = time.map(|time| Awake::start(&self.folder.0, time / 2)).transpose()?;
        let costs = self.costs();
        let begun = now();
        let published = self.publish(plans)?;
        self.clients.wait(plans.iter().map(Plan::deliveries).sum(), TIMEOUT);
        let spent = self.costs();
        if let Some(awake) = awake {
            println!("    the host took {:.1} % of the processor time", 100.0 * awake.stolen_share());
        }
        let total = published.iter().fold(Sent::default(), |sum, one| Sent {
            single: sum.single + one.sent.single,
            users: sum.users.max(one.sent.users),
            broadcast: sum.broadcast + one.sent.broadcast,
        });
        let mut result = self.end_phase(total)?;
        let last = result.seen.iter().map(|seen| seen.last).max().unwrap_or_default();
        [result.server, result.redis, result.clients] =
            std::array::from_fn(|at| spent[at].saturating_sub(costs[at]));
        result.wall = Duration::from_nanos(last.saturating_sub(begun));
        result.published = published;
        Ok(result)
    }

    /// Ends a phase in which this was sent, and returns its delivery counts.
    pub fn end_phase(&mut self, sent: Sent) -> Result<Phase> {
        let seen = self.clients.end_phase(sent)?;
        let mut account = DeliveryCounts::default();
        for part in &seen {
            account.add(&part.single);
            account.add(&part.broadcast);
        }
        Ok(Phase { account, seen, ..Phase::default() })
    }

    /// Returns the CPU so far: of the system, of Redis, of the clients.
    pub fn costs(&self) -> [Duration; 3] {
        [&self.server_pids(), &self.redis.pids(), &self.clients.pids()].map(|pids| usage::cpu(pids))
    }

    fn publish(&self, plans: &[Plan]) -> Result<Vec<PublishStats>> {
        let (peer, config, delivered) = (self.peer, &self.config, &self.clients.events());
        std::thread::scope(|scope| {
            let run = |plan| scope.spawn(move || publish::publish(peer, config, plan, delivered));
            let threads: Vec<_> = plans.iter().map(run).collect();
            let ended = || Err(Failure::new("the thread of a publisher panicked"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| ended())).collect()
        })
    }
}

impl Phase {
    /// Returns the latency of single events, over the clients of these processes.
    pub fn single_latency(&self, parts: std::ops::Range<usize>) -> Latency {
        self.latency(parts, |seen| &seen.single_latency)
    }

    /// Returns the latency of single events by when they were due.
    pub fn single_windows(&self) -> Windows {
        let mut windows = Windows::default();
        self.seen.iter().for_each(|seen| windows.add(&seen.single_windows));
        windows
    }

    /// Returns the latency of events to all.
    pub fn broadcast_latency(&self) -> Latency {
        self.latency(0..self.seen.len(), |seen| &seen.broadcast_latency)
    }

    fn latency(&self, parts: std::ops::Range<usize>, which: impl Fn(&ClientStats) -> &Counts) -> Latency {
        let mut latency = Latency::default();
        self.seen.iter().skip(parts.start).take(parts.len()).for_each(|seen| latency.add(which(seen)));
        latency
    }
}

fn config(folder: &Folder, issuer: Issuer, connections: u32, heartbeat: u32) -> Result<RunConfig> {
    let [clients, services, spare, redis] = free_ports()?;
    Ok(RunConfig { clients, services, spare, redis, issuer, folder: folder.0.clone(), connections, heartbeat })
}

/// Starts a Redis that stores nothing on disk.
fn redis_server(config: &RunConfig) -> Result<Processes> {
    let port = config.redis.to_string();
    let mut program = Command::new("redis-server");
    program.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
    program.arg(&config.folder);
    // A slow subscriber is part of the measurement: Redis must not disconnect it.
    program.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let mut redis = Processes::default();
    redis.start("redis", &config.folder, &mut program)?;
    redis.wait_for_port(config.redis)?;
    Ok(redis)
}

/// Returns free ports below those of outgoing connections.
fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut held = Vec::new();
    for _ in 0..1000 {
        if held.len() == COUNT {
            break;
        }
        held.extend(TcpListener::bind(("127.0.0.1", fastrand::u16(12_000..32_000))));
    }
    let numbers = held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<Result<Vec<u16>>>()?;
    numbers.try_into().map_err(|_| Failure::new(format!("expected {COUNT} free ports")))
}

fn folder() -> Result<PathBuf> {
    let path =
        std::env::temp_dir().join(format!("wirebell-bench-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    std::fs::create_dir_all(&path)?;
    Ok(path)
}
