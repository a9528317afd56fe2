//! The publisher: sends events to users in turn, or to all, through Redis or HTTP.
//!
//! A plan comes in; events go out to the system, and statistics to the caller. It does not know
//! what is measured.

mod direct;
mod http;
mod redis;
mod resp;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::failure::Result;
use crate::load_clients::{EventCounter, Sent};
use crate::mark::Mark;
use crate::peer::{Ingress, Peer, RunConfig, Target};

pub use self::redis::{execute, pipeline};

/// Size of an event's data in bytes.
pub const PAYLOAD: usize = 200;

/// What to publish.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The phase of the marks.
    pub phase: u16,
    /// How events enter the system.
    pub ingress: Ingress,
    /// The users that receive events in turn; 0 for events to all.
    pub users: u32,
    /// The number of events.
    pub events: u32,
    /// Events a second, each due at a fixed time; `None` for as fast as `in_flight` allows.
    pub rate: Option<u32>,
    /// Most deliveries in flight. Without a rate, this bounds the system's queue.
    pub in_flight: u64,
    /// Deliveries for each event.
    pub recipients: u32,
    /// HTTP connections; the events of a user all use the same one.
    pub connections: u32,
}

/// The result of publishing.
#[derive(Debug, Clone, Default)]
pub struct PublishStats {
    /// The events sent.
    pub sent: Sent,
    /// Events rejected with an error.
    pub rejected: u64,
    /// The reason of one of the rejections.
    pub reason: String,
    /// Time from the first event to the last response, in nanoseconds.
    pub nanos: u64,
}

impl Plan {
    /// Plans events to single users in turn, as fast as the system takes them.
    pub fn round_robin(phase: u16, ingress: Ingress, users: u32, events: u32) -> Self {
        Self { phase, ingress, users, events, rate: None, in_flight: 4096, recipients: 1, connections: 16 }
    }

    /// Plans events to all clients, of which there are `clients`.
    pub fn to_all(phase: u16, ingress: Ingress, clients: u32, events: u32) -> Self {
        let in_flight = 4 * u64::from(clients);
        Self { users: 0, in_flight, recipients: clients, ..Self::round_robin(phase, ingress, 0, events) }
    }

    /// Sets the rate a second.
    #[must_use]
    pub fn at(mut self, rate: u32) -> Self {
        (self.rate, self.in_flight) = (Some(rate), u64::MAX);
        self
    }

    /// Returns how long publishing takes, if there is a rate.
    pub fn time(&self) -> Option<Duration> {
        Some(Duration::from_secs_f64(f64::from(self.events) / f64::from(self.rate?.max(1))))
    }

    /// Returns how many deliveries the events cause.
    pub fn deliveries(&self) -> u64 {
        u64::from(self.events) * u64::from(self.recipients)
    }

    fn sent(&self) -> Sent {
        match self.users {
            0 => Sent { broadcast: self.events, ..Sent::default() },
            users => Sent { single: self.events, users, broadcast: 0 },
        }
    }

    /// Appends what publishes the event with this number.
    fn write(&self, peer: &dyn Peer, config: &RunConfig, event: u32, at: u64, into: &mut Vec<u8>) {
        let to = event.checked_rem(self.users).map_or(Target::All, Target::One);
        let number = event.checked_div(self.users).unwrap_or(event);
        let mut payload = String::with_capacity(PAYLOAD);
        Mark { to, phase: self.phase, number, at }.payload(PAYLOAD, &mut payload);
        peer.publish(config, self.ingress, to, unique(), &payload, into);
    }
}

/// Publishes the whole plan. Returns once every event has its response.
pub fn publish(peer: &dyn Peer, config: &RunConfig, plan: &Plan, delivered: &EventCounter) -> Result<PublishStats> {
    if let Some(line) = direct::line(peer, plan) {
        return direct::publish(config, plan, &line);
    }
    match plan.ingress {
        Ingress::Redis => redis::publish(peer, config, plan, delivered),
        Ingress::Http => http::publish(peer, config, plan),
    }
}

/// Returns a number that is unique within this process.
fn unique() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
