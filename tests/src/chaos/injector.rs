//! Injects the faults of a run. Two sequences run side by side, one for Redis and one for the
//! nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use wirebell_protocol::event::Durability;

use super::device::DeviceCommands;
use super::fleet::Fleet;
use super::frame::user_name;
use super::plan::{FaultSchedule, NodeFault, RedisFault};
use super::publish::Publishers;
use super::servers::{FaultResult, Servers};
use crate::proxy::LinkState;

/// Events in a burst, and the padding of each. Together they exceed every buffer.
const BURST: usize = 600;
const BURST_PADDING: usize = 1_500;
/// Limits of the pub/sub output buffer: the lowered one, and the default of Redis.
const LOW_OUTPUT_LIMIT: &str = "pubsub 64kb 32kb 1";
const DEFAULT_OUTPUT_LIMIT: &str = "pubsub 32mb 8mb 60";

/// What both sequences of faults share.
pub struct FaultInjector {
    /// The publishers.
    pub publishers: Arc<Publishers>,
    /// The nodes.
    pub fleet: Arc<Fleet>,
    /// Commands to the devices.
    pub commands: watch::Sender<DeviceCommands>,
    /// The injected faults.
    pub fault_log: FaultLog,
}

/// Counts the faults that took place, and records the reason for those that did not.
#[derive(Debug, Default)]
pub struct FaultLog(Mutex<(BTreeMap<&'static str, u64>, Vec<String>)>);

impl FaultLog {
    fn record(&self, millis: u64, name: &'static str, result: &FaultResult) {
        let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, lines) = &mut *both;
        match result {
            Ok(()) => {
                *counts.entry(name).or_default() += 1;
                lines.push(format!("{millis:>7} {name}: done"));
            }
            Err(reason) => lines.push(format!("{millis:>7} {name}: {reason}")),
        }
    }

    /// Returns the counts by name.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Returns a line with time and result for each fault.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl FaultInjector {
    /// Injects faults in Redis until the time is over. Returns the servers, all of them running.
    pub async fn run_redis_faults(
        &self,
        mut servers: Servers,
        mut schedule: FaultSchedule<RedisFault>,
        until: Instant,
    ) -> Servers {
        sleep(schedule.millis(500..1_500)).await;
        while Instant::now() < until {
            let fault = schedule.next_fault();
            let result = self.redis_fault(fault, &mut servers, &mut schedule).await;
            self.record_fault(fault.name(), &result);
            sleep(schedule.millis(500..2_500)).await;
        }
        servers
    }

    /// Injects faults of nodes until the time is over.
    pub async fn run_node_faults(&self, mut schedule: FaultSchedule<NodeFault>, until: Instant) {
        sleep(schedule.millis(200..1_000)).await;
        while Instant::now() < until {
            let fault = schedule.next_fault();
            self.node_fault(fault, &mut schedule).await;
            self.record_fault(fault.name(), &Ok(()));
            sleep(schedule.millis(300..1_500)).await;
        }
    }

    fn record_fault(&self, name: &'static str, result: &FaultResult) {
        self.fault_log.record(self.publishers.publish_log.millis(), name, result);
    }

    async fn redis_fault(
        &self,
        fault: RedisFault,
        servers: &mut Servers,
        schedule: &mut FaultSchedule<RedisFault>,
    ) -> FaultResult {
        let user = schedule.rng.u32(..self.publishers.users);
        let key = format!("wb:{{user:{}}}:log", user_name(user));
        let gate = (self.publishers.durability == Durability::Primary).then_some(&self.publishers.gate);
        match fault {
            RedisFault::Crash => servers.crash(&key, schedule.millis(50..1_200)).await,
            RedisFault::Freeze => servers.freeze(&key, schedule.millis(200..1_500)).await,
            RedisFault::CutSubscribers => servers.cut("pubsub").await,
            RedisFault::CutConnections => servers.cut("normal").await,
            RedisFault::LimitOutput => {
                servers.limit(LOW_OUTPUT_LIMIT).await?;
                self.publishers.burst(user, BURST, BURST_PADDING, self.commands.subscribe()).await;
                servers.limit(DEFAULT_OUTPUT_LIMIT).await
            }
            RedisFault::Failover => servers.fail_over(&key, schedule.millis(0..1_500), gate).await,
            RedisFault::SwapRoles => servers.swap_roles(&key, gate).await,
            RedisFault::Migrate => servers.migrate(&key).await,
        }
    }

    async fn node_fault(&self, fault: NodeFault, schedule: &mut FaultSchedule<NodeFault>) {
        let (index, fleet) = (schedule.rng.usize(..self.fleet.size()), &self.fleet);
        match fault {
            NodeFault::Kill => fleet.kill(index, schedule.millis(0..1_500)).await,
            NodeFault::Terminate => fleet.terminate(index).await,
            NodeFault::Freeze => fleet.freeze(index, schedule.millis(200..2_500)).await,
            NodeFault::Cut => fleet.link(index, LinkState::Cut, schedule.millis(100..3_000)).await,
            NodeFault::Stall => fleet.link(index, LinkState::Stalled, schedule.millis(300..5_000)).await,
            NodeFault::Slow => {
                let delay = schedule.millis(5..120);
                fleet.link(index, LinkState::Slow(delay), schedule.millis(500..3_000)).await;
            }
            NodeFault::Burst => {
                let user = schedule.rng.u32(..self.publishers.users);
                self.commands.send_modify(|commands| commands.paused_user = Some(user));
                sleep(Duration::from_millis(200)).await;
                self.publishers.burst(user, BURST, BURST_PADDING, self.commands.subscribe()).await;
                sleep(schedule.millis(500..4_000)).await;
                self.commands.send_modify(|commands| commands.paused_user = None);
            }
        }
    }
}
