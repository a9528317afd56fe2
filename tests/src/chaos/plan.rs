//! The script of a run's faults, drawn from its seed: two lanes that go on side by side, one for Redis, one for the
//! nodes, so that a node dies while Redis fails over.

use std::time::Duration;

use fastrand::Rng;

use super::servers::Topology;

/// What is done to Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisFault {
    /// A primary is killed and started again at once.
    Crash,
    /// A primary stands still.
    Freeze,
    /// All connections that listen are cut.
    CutSubscribers,
    /// All other connections are cut.
    CutConnections,
    /// What waits for a connection that listens is bounded closely, while there is much for it.
    LimitOutput,
    /// A primary is killed, and its replica takes over.
    Failover,
    /// A primary and its replica change their roles.
    SwapRoles,
    /// A slot moves.
    Migrate,
}

/// What is done to nodes and to those who listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFault {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Terminate,
    /// SIGSTOP, and SIGCONT after a while.
    Freeze,
    /// Its link to Redis ends, and no new one comes about.
    Cut,
    /// Nothing comes through its link.
    Stall,
    /// Everything takes long on its link.
    Slow,
    /// All devices of a user stop reading while much is published to them.
    Burst,
}

impl RedisFault {
    /// Those that there are in a topology.
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

    /// Its name in the table.
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
    /// Those that there are in a topology. Only a single server is reached over a proxy: the others name their
    /// addresses themselves.
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

    /// Its name in the table.
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

/// Draws faults: all kinds in an order of chance before the first comes again.
#[derive(Debug)]
pub struct FaultSchedule<T: 'static> {
    kinds: &'static [T],
    remaining: Vec<T>,
    /// The lane's own chance.
    pub rng: Rng,
}

impl<T: Copy> FaultSchedule<T> {
    /// A schedule of these kinds.
    pub fn new(kinds: &'static [T], rng: Rng) -> Self {
        Self { kinds, remaining: Vec::new(), rng }
    }

    /// The next fault.
    pub fn next_fault(&mut self) -> T {
        if self.remaining.is_empty() {
            self.remaining = self.kinds.to_vec();
            self.rng.shuffle(&mut self.remaining);
        }
        self.remaining.pop().expect("a schedule is never empty")
    }

    /// A time by chance, in milliseconds.
    pub fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }
}
