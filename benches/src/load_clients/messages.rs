//! What is said between a clients's process and the one that gives orders: a line of JSON each. Beside the answers comes
//! `p <events>`, how many events of this phase have come so far.

use serde::{Deserialize, Serialize};

use crate::account::DeliveryCounts;
use crate::latency::Counts;
use crate::peer::RunConfig;
use crate::windows::WindowCounts;

/// What a process of clients is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Request {
    /// The first: whose clients, and which users.
    Start {
        /// The name of the system.
        peer: String,
        /// Where it is.
        config: Box<RunConfig>,
        /// Its first user.
        first: u32,
        /// How many users.
        users: u32,
    },
    /// Connect those that are not connected.
    Connect {
        /// Up to so many of its users.
        up_to: u32,
        /// So many at the same time.
        at_once: u32,
        /// With the cursors that they hold.
        resume: bool,
    },
    /// Go away without a goodbye, all of them.
    Reset,
    /// A new phase: begin a new account.
    BeginPhase {
        /// Its number.
        phase: u16,
        /// Keep the cursor of what comes.
        cursors: bool,
    },
    /// Close the account of the phase.
    EndPhase(Sent),
}

/// What was sent in a phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Events to single users, in turn.
    pub single: u32,
    /// How many users took turns, from the first.
    pub users: u32,
    /// Events to all.
    pub broadcast: u32,
}

impl Sent {
    /// Events that this user was sent alone.
    pub fn to(&self, user: u32) -> u32 {
        if user >= self.users {
            return 0;
        }
        self.single / self.users + u32::from(user < self.single % self.users)
    }
}

/// What a process of clients answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Response {
    /// It is ready for orders.
    Ready,
    /// They are connected, or it was given up.
    Connected(ConnectStats),
    /// The account.
    PhaseEnded(ClientStats),
}

/// How connecting went.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConnectStats {
    /// Are connected now.
    pub connected: u32,
    /// Tries that failed, each of which was made again.
    pub failed: u32,
    /// Why the last one failed.
    pub reason: String,
    /// From the first try to the last arrival, in nanoseconds.
    pub nanos: u64,
    /// From a client's first packet until it was subscribed.
    pub latency: Counts,
}

/// What was seen in a phase.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClientStats {
    /// The account of what was for one.
    pub single: DeliveryCounts,
    /// The account of what was for all.
    pub broadcast: DeliveryCounts,
    /// From when an event for one was due until it was read.
    pub single_latency: Counts,
    /// The same, by when they were due.
    pub single_windows: WindowCounts,
    /// From when an event for all was due until it was read, for each connection.
    pub broadcast_latency: Counts,
    /// When the last event came, by the clock of marks.
    pub last: u64,
    /// Pings that came, in whichever language.
    pub pings: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_add_up() {
        let sent = Sent { single: 10, users: 4, broadcast: 0 };
        assert_eq!((0..5).map(|user| sent.to(user)).collect::<Vec<_>>(), [3, 3, 2, 2, 0]);
        assert_eq!(Sent::default().to(0), 0);
    }
}
