//! The sizes of the load: a full run fits into its time on two cores, a quick run into a minute.

use serde::{Deserialize, Serialize};

/// Counts, rates and seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Sizes {
    /// Connections of a system.
    pub connections: u32,
    /// Of these, in a process of their own, the clients whose single events are timed beside
    /// broadcasts.
    pub payment_users: u32,
    /// Users that receive single events in turn.
    pub users: u32,
    /// Concurrent connection attempts at the start.
    pub arriving: u32,
    /// Concurrent connection attempts in a storm.
    pub storming: u32,
    /// Seconds of idle connections; 0 skips this measurement.
    pub idle_seconds: u32,
    /// Approximate seconds of a throughput row.
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
    /// Clients that reconnect with cursors.
    pub returning: u32,
    /// Events that each of them missed.
    pub missed: u32,
    /// Connections with ES256.
    pub es256: u32,
    /// Events published in the rows without clients.
    pub published: u32,
    /// Connections of the larger side of a tenfold growth.
    pub growth: u32,
    /// Connections of the overload run.
    pub overload_connections: u32,
    /// Events to all of these.
    pub overload_events: u32,
}

impl Sizes {
    /// The sizes of the report.
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

    /// The sizes of a smoke test.
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

    /// Returns the clients of each process; the first one has those whose events are timed.
    pub fn parts(&self) -> [u32; 2] {
        [self.payment_users, self.connections - self.payment_users]
    }
}
