//! The protocol between the handle and a client process: lines of JSON. Beside the responses, the
//! process sends `p <events>`: how many events of this phase have arrived so far.

use serde::{Deserialize, Serialize};

use crate::account::DeliveryCounts;
use crate::latency::Counts;
use crate::peer::RunConfig;
use crate::windows::WindowCounts;

/// A request to a client process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Request {
    /// Creates the clients; the first request.
    Start {
        /// The name of the system.
        peer: String,
        /// The configuration of the run.
        config: Box<RunConfig>,
        /// The first user.
        first: u32,
        /// The number of users.
        users: u32,
    },
    /// Connects the clients that are not connected.
    Connect {
        /// Connects this many of its users.
        up_to: u32,
        /// How many connections are made at the same time.
        at_once: u32,
        /// Whether to resume with the cursors of the clients.
        resume: bool,
    },
    /// Resets all connections.
    Reset,
    /// Begins a phase with new counts.
    BeginPhase {
        /// The number of the phase.
        phase: u16,
        /// Whether clients remember the cursor of each event.
        cursors: bool,
    },
    /// Ends the phase.
    EndPhase(Sent),
}

/// The events sent in a phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Events to single users, in turn.
    pub single: u32,
    /// How many users received them, from the first.
    pub users: u32,
    /// Events to all.
    pub broadcast: u32,
}

impl Sent {
    /// Returns how many single events went to this user.
    pub fn to(&self, user: u32) -> u32 {
        if user >= self.users {
            return 0;
        }
        self.single / self.users + u32::from(user < self.single % self.users)
    }
}

/// A response of a client process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Response {
    /// The request is done.
    Ready,
    /// The clients are connected, or connecting timed out.
    Connected(ConnectStats),
    /// The statistics of the phase.
    PhaseEnded(ClientStats),
}

/// The result of connecting.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectStats {
    /// Clients that are connected now.
    pub connected: u32,
    /// Failed attempts; each was retried.
    pub failed: u32,
    /// Why the last one failed.
    pub reason: String,
    /// Time from the first attempt until the last client was subscribed, in nanoseconds.
    pub nanos: u64,
    /// Time from a client's first packet until it was subscribed.
    pub latency: Counts,
}

/// What the clients of a process received in a phase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClientStats {
    /// Deliveries of events to single users.
    pub single: DeliveryCounts,
    /// Deliveries of events to all.
    pub broadcast: DeliveryCounts,
    /// Time from when a single event was due until it was read.
    pub single_latency: Counts,
    /// The same, by when the events were due.
    pub single_windows: WindowCounts,
    /// Time from when an event to all was due until it was read, for each connection.
    pub broadcast_latency: Counts,
    /// When the last event arrived, by the clock of the marks.
    pub last: u64,
    /// Pings received, of WebSocket and of the system's own protocol.
    pub pings: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_users_add_up() {
        let sent = Sent { single: 10, users: 4, broadcast: 0 };
        assert_eq!((0..5).map(|user| sent.to(user)).collect::<Vec<_>>(), [3, 3, 2, 2, 0]);
        assert_eq!(Sent::default().to(0), 0);
    }
}
