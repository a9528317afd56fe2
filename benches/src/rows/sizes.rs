//! How much of everything: the whole run fits into its time on two cores, the quick one into a minute.

use serde::{Deserialize, Serialize};

/// Counts, rates and seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Sizes {
    /// Connections of the crowd.
    pub connections: u32,
    /// Of these, in a process of their own, those that single events are timed on while everyone gets others.
    pub payment_users: u32,
    /// Users that single events go to in turn.
    pub users: u32,
    /// Connections that are being made at the same time when the crowd arrives.
    pub arriving: u32,
    /// The same in a storm.
    pub storming: u32,
    /// Seconds for which nothing happens; 0 leaves that out.
    pub idle_seconds: u32,
    /// Seconds that a row of throughput takes, about.
    pub seconds: u32,
    /// Seconds at a fixed rate.
    pub rate_seconds: u32,
    /// Events a second through Redis.
    pub rate: u32,
    /// Events a second through HTTP.
    pub http_rate: u32,
    /// Events a second to single users beside broadcasts.
    pub payment_rate: u32,
    /// Broadcasts a second beside them.
    pub broadcast_rate: u32,
    /// Clients that delivered back with cursors.
    pub returning: u32,
    /// Events that each of them missed.
    pub missed: u32,
    /// Connections with ES256.
    pub es256: u32,
    /// Events published in the rows without clients.
    pub published: u32,
    /// Connections of the larger side of a tenfold growth.
    pub growth: u32,
    /// Connections of the run that asks too much.
    pub overload_connections: u32,
    /// Events to all of them.
    pub overload_events: u32,
}

impl Sizes {
    /// What the report is made from.
    pub const FULL: Self = Self {
        connections: 15_000,
        payment_users: 1_000,
        users: 10_000,
        arriving: 128,
        storming: 1024,
        idle_seconds: 25,
        seconds: 2,
        rate_seconds: 6,
        rate: 5_000,
        http_rate: 1_000,
        payment_rate: 500,
        broadcast_rate: 2,
        returning: 5_000,
        missed: 20,
        es256: 4_000,
        published: 60_000,
        growth: 10_000,
        overload_connections: 2_000,
        overload_events: 900,
    };

    /// What shows that everything works.
    pub const QUICK: Self = Self {
        connections: 400,
        payment_users: 50,
        users: 200,
        arriving: 32,
        storming: 100,
        idle_seconds: 2,
        seconds: 1,
        rate_seconds: 1,
        rate: 500,
        http_rate: 200,
        payment_rate: 100,
        broadcast_rate: 2,
        returning: 100,
        missed: 10,
        es256: 100,
        published: 2_000,
        growth: 200,
        overload_connections: 50,
        overload_events: 200,
    };

    /// The crowd's processes: first those that single events are timed on.
    pub fn parts(&self) -> [u32; 2] {
        [self.payment_users, self.connections - self.payment_users]
    }
}
