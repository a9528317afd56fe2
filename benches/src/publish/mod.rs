//! The publisher: events to users in turn, or to all, by whichever door the system has.

mod direct;
mod http;
mod redis;
mod resp;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::load_clients::{EventCounter, Sent};
use crate::failure::Result;
use crate::mark::Mark;
use crate::peer::{Ingress, Peer, RunConfig, Target};

pub use self::redis::{execute, pipeline};

/// Bytes of an event's data.
pub const PAYLOAD: usize = 200;

/// What is to be published.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The phase that the marks carry.
    pub phase: u16,
    /// By which door.
    pub ingress: Ingress,
    /// To so many users in turn; to all, if there are none.
    pub users: u32,
    /// How many events.
    pub events: u32,
    /// So many a second, each at its moment; or as fast as the next bound allows.
    pub rate: Option<u32>,
    /// Deliveries that may be under way; without a rate, this is what keeps a queue from growing.
    pub in_flight: u64,
    /// Deliveries that each event makes.
    pub recipients: u32,
    /// Connections of HTTP; a user's events all go by the same.
    pub connections: u32,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct PublishStats {
    /// What was sent.
    pub sent: Sent,
    /// EventCounter that were turned away, and told so.
    pub rejected: u64,
    /// Why the first of them was.
    pub reason: String,
    /// From the first to the last answer, in nanoseconds.
    pub nanos: u64,
}

impl Plan {
    /// As many as go to one user each, in turn, as fast as they are taken.
    pub fn round_robin(phase: u16, ingress: Ingress, users: u32, events: u32) -> Self {
        Self { phase, ingress, users, events, rate: None, in_flight: 4096, recipients: 1, connections: 16 }
    }

    /// To everyone, of whom there are so many.
    pub fn to_all(phase: u16, ingress: Ingress, everyone: u32, events: u32) -> Self {
        let in_flight = 4 * u64::from(everyone);
        Self { users: 0, in_flight, recipients: everyone, ..Self::round_robin(phase, ingress, 0, events) }
    }

    /// At this rate.
    #[must_use]
    pub fn at(mut self, rate: u32) -> Self {
        (self.rate, self.in_flight) = (Some(rate), u64::MAX);
        self
    }

    /// How long it takes, if it has a rate.
    pub fn time(&self) -> Option<Duration> {
        Some(Duration::from_secs_f64(f64::from(self.events) / f64::from(self.rate?.max(1))))
    }

    /// Deliveries that it makes.
    pub fn deliveries(&self) -> u64 {
        u64::from(self.events) * u64::from(self.recipients)
    }

    fn sent(&self) -> Sent {
        match self.users {
            0 => Sent { broadcast: self.events, ..Sent::default() },
            users => Sent { single: self.events, users, broadcast: 0 },
        }
    }

    /// Writes what publishes the event of this number.
    fn write(&self, peer: &dyn Peer, config: &RunConfig, event: u32, at: u64, into: &mut Vec<u8>) {
        let to = event.checked_rem(self.users).map_or(Target::All, Target::One);
        let number = event.checked_div(self.users).unwrap_or(event);
        let mut payload = String::with_capacity(PAYLOAD);
        Mark { to, phase: self.phase, number, at }.payload(PAYLOAD, &mut payload);
        peer.publish(config, self.ingress, to, unique(), &payload, into);
    }
}

/// Publishes it all. Comes back when everything is answered.
pub fn publish(peer: &dyn Peer, config: &RunConfig, plan: &Plan, delivered: &EventCounter) -> Result<PublishStats> {
    if let Some(line) = direct::line(peer, plan) {
        return direct::publish(config, plan, &line);
    }
    match plan.ingress {
        Ingress::Redis => redis::publish(peer, config, plan, delivered),
        Ingress::Http => http::publish(peer, config, plan),
    }
}

/// A number that no other event of this process has.
fn unique() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
