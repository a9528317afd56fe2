//! The faults of a run, drawn from its seed. One schedule is for Redis and one for the nodes. They
//! run side by side, so a node can die while Redis fails over.

use std::time::Duration;

use fastrand::Rng;

use super::servers::Topology;

/// A fault of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisFault {
    /// A primary is killed and restarted at once.
    Crash,
    /// A primary is frozen.
    Freeze,
    /// All pub/sub connections are cut.
    CutSubscribers,
    /// All other connections are cut.
    CutConnections,
    /// The output buffer of pub/sub connections gets a low limit during a burst.
    LimitOutput,
    /// A primary is killed, and its replica takes over.
    Failover,
    /// A primary and its replica swap their roles.
    SwapRoles,
    /// A slot moves to another primary.
    Migrate,
}

/// A fault of a node or of the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFault {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Terminate,
    /// SIGSTOP, and SIGCONT after a while.
    Freeze,
    /// The link to Redis is cut and cannot be established again.
    Cut,
    /// Nothing passes through the link.
    Stall,
    /// Everything on the link is delayed.
    Slow,
    /// All devices of a user stop reading during a burst to that user.
    Burst,
}

impl RedisFault {
    /// Returns the faults that exist in a topology.
    pub fn of(topology: Topology) -> &'static [Self] {
        match topology {
            Topology::Standalone => {
                &[Self::Crash, Self::Freeze, Self::CutSubscribers, Self::CutConnections, Self::LimitOutput]
            }
            Topology::Sentinel => &[
                Self::Failover,
                Self::SwapRoles,
                Self::Crash,
                Self::Freeze,
                Self::CutSubscribers,
                Self::CutConnections,
                Self::LimitOutput,
            ],
            Topology::Cluster => &[
                Self::Failover,
                Self::SwapRoles,
                Self::Migrate,
                Self::Crash,
                Self::Freeze,
                Self::CutSubscribers,
                Self::CutConnections,
                Self::LimitOutput,
            ],
        }
    }

    /// Returns the name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "Redis killed",
            Self::Freeze => "Redis frozen",
            Self::CutSubscribers => "subscribers cut",
            Self::CutConnections => "connections cut",
            Self::LimitOutput => "output limited",
            Self::Failover => "failover",
            Self::SwapRoles => "roles swapped",
            Self::Migrate => "slot moved",
        }
    }
}

impl NodeFault {
    /// Returns the faults that exist in a topology. Only a standalone server is reached through a
    /// proxy; the servers of the other topologies announce their own addresses.
    pub fn of(topology: Topology) -> &'static [Self] {
        const ANYWHERE: [NodeFault; 4] =
            [NodeFault::Kill, NodeFault::Terminate, NodeFault::Freeze, NodeFault::Burst];
        const PROXIED: [NodeFault; 7] = [
            NodeFault::Kill,
            NodeFault::Cut,
            NodeFault::Terminate,
            NodeFault::Stall,
            NodeFault::Freeze,
            NodeFault::Slow,
            NodeFault::Burst,
        ];
        if topology == Topology::Standalone { &PROXIED } else { &ANYWHERE }
    }

    /// Returns the name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "node killed",
            Self::Terminate => "node stopped",
            Self::Freeze => "node frozen",
            Self::Cut => "link cut",
            Self::Stall => "link stalled",
            Self::Slow => "link slow",
            Self::Burst => "burst to paused",
        }
    }
}

/// Draws faults in random order. Every kind occurs once before the first repeats.
#[derive(Debug)]
pub struct FaultSchedule<T: 'static> {
    kinds: &'static [T],
    remaining: Vec<T>,
    /// The random generator of this schedule.
    pub rng: Rng,
}

impl<T: Copy> FaultSchedule<T> {
    /// Returns a schedule of these kinds.
    pub fn new(kinds: &'static [T], rng: Rng) -> Self {
        Self { kinds, remaining: Vec::new(), rng }
    }

    /// Returns the next fault.
    pub fn next_fault(&mut self) -> T {
        if self.remaining.is_empty() {
            self.remaining = self.kinds.to_vec();
            self.rng.shuffle(&mut self.remaining);
        }
        self.remaining.pop().expect("a schedule is never empty")
    }

    /// Returns a random duration, in milliseconds.
    pub fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }
}
