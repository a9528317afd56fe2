//! The canary: a message that the node sends to itself through every server, to verify that it
//! receives announcements. A subscription can be deaf while its connection is open and answers, and
//! nothing else shows that.
//!
//! The canary is published on the command connection and received on the link, like an event. So a
//! link to a server that no longer gets publications is found deaf, although it would receive its
//! own messages. It also adds no commands in flight on the link (`link` explains why that matters).
//!
//! No clock is involved. Redis answers a connection in the order in which it wrote to it. Once the
//! publication of a canary is confirmed, the link's answer to a later command comes after the
//! canary. If that answer arrives without the canary, the canary never arrives. A busy link is late
//! with both.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fred::interfaces::PubsubInterface;

use super::commands::Commands;
use super::link::Link;
use super::mutex::lock;
use super::slots::{Address, Slots};
use crate::bus::BusError;
use crate::telemetry::Metrics;

/// How long a publication may take. After that its result is unknown, and the probe of the link
/// must not wait longer.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
/// Canaries sent before a link counts as deaf. A slot that migrates can lose the first one.
const ATTEMPTS: u32 = 2;
/// Channel names tried to find one in each server's slots. So many names cover even a single slot.
const MAX_NAMES: u32 = 200_000;

/// Publishes canaries, and records when they were received.
pub(super) struct Canary {
    commands: Arc<Commands>,
    metrics: Arc<Metrics>,
    count: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// When the last round was received through every server.
    last: Instant,
    /// Whether a canary was lost since then.
    deaf: bool,
}

impl Canary {
    pub(super) fn new(commands: Arc<Commands>, metrics: Arc<Metrics>) -> Self {
        let state = Mutex::new(State { last: Instant::now(), deaf: false });
        Self { commands, metrics, count: AtomicU64::new(0), state }
    }

    /// Checks that the link is open, and that it receives what is published on the channel. Returns
    /// `false` if the result is unknown: the canary could not be published, or its slot is
    /// migrating.
    pub(super) async fn check(&self, link: &Link, channel: &str, must_be_primary: bool) -> Result<bool, BusError> {
        let mut listeners = 0;
        for _ in 0..ATTEMPTS {
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let published = self.publish(channel, number).await;
            link.probe(must_be_primary).await?;
            match published {
                Some(_) if link.last_canary() >= number => return Ok(true),
                Some(found) if !link.has_lost(channel) => listeners = found,
                _ => return Ok(false),
            }
        }
        self.metrics.bus_deaf.inc();
        if !lock(&self.state).deaf {
            tracing::warn!(
                server = %link.address(),
                listeners,
                "a subscription is deaf: its connection is open, but announcements do not arrive; reconnecting"
            );
        }
        Err(link.fail("the subscription was deaf: published messages did not arrive"))
    }

    /// Publishes a canary. Returns the number of connections that received it, or `None` if that is
    /// unknown.
    async fn publish(&self, channel: &str, number: u64) -> Option<u64> {
        let published = self.commands.client.spublish(channel, number.to_string());
        tokio::time::timeout(PUBLISH_TIMEOUT, published).await.ok()?.ok()
    }

    /// Records whether a round was received through every server.
    pub(super) fn record_round(&self, received_by_all: bool) {
        let mut state = lock(&self.state);
        if received_by_all {
            if state.deaf {
                let deaf = state.last.elapsed();
                self.metrics.bus_deafness.observe(deaf.as_secs_f64());
                tracing::info!(seconds = deaf.as_secs_f64(), "announcements arrive again");
            }
            *state = State { last: Instant::now(), deaf: false };
        } else {
            state.deaf = true;
        }
        self.metrics.bus_canary_silence.set(state.last.elapsed().as_secs_f64());
    }
}

/// Returns a channel name in the slots of each server. A name that still fits is kept, so its
/// subscription is kept too.
pub(super) fn channel_names(
    slots: &Slots,
    before: &HashMap<Address, String>,
    name: impl Fn(u32) -> String,
) -> HashMap<Address, String> {
    let kept = before.iter().filter(|(address, name)| slots.owner(name) == Some(address));
    let mut names: HashMap<_, _> = kept.map(|(address, name)| (address.clone(), name.clone())).collect();
    let servers = slots.owners().len();
    for number in 0..MAX_NAMES {
        if names.len() >= servers {
            break;
        }
        let name = name(number);
        if let Some(owner) = slots.owner(&name)
            && !names.contains_key(owner)
        {
            names.insert(owner.clone(), name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use redis::Value;
    use wirebell_protocol::{Keys, NodeId};

    use super::*;

    fn row(first: i64, last: i64, port: i64) -> Value {
        let primary = vec![Value::BulkString(b"h".to_vec()), Value::Int(port)];
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(primary)])
    }

    fn slots(rows: Vec<Value>) -> Slots {
        Slots::parse(&Value::Array(rows), &Address::new("h", 1)).unwrap()
    }

    fn name(number: u32) -> String {
        Keys::default().canary(number, NodeId::from_bits(7))
    }

    #[test]
    fn each_server_has_a_canary_channel_even_with_one_slot() {
        let slots = slots(vec![row(0, 99, 1), row(100, 100, 2), row(101, 16_383, 3)]);
        let names = channel_names(&slots, &HashMap::new(), name);
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(|(address, name)| slots.owner(name) == Some(address)), "{names:?}");
    }

    #[test]
    fn canary_channel_stays_until_its_slot_moves() {
        let before = slots(vec![row(0, 8_000, 1), row(8_001, 16_383, 2)]);
        let first = channel_names(&before, &HashMap::new(), name);
        assert_eq!(channel_names(&before, &first, name), first);
        let exchanged = slots(vec![row(0, 8_000, 2), row(8_001, 16_383, 1)]);
        let second = channel_names(&exchanged, &first, name);
        assert!(second.iter().all(|(address, name)| exchanged.owner(name) == Some(address)), "{second:?}");
        let gone = slots(vec![row(0, 16_383, 2)]);
        assert_eq!(channel_names(&gone, &first, name).len(), 1);
    }
}
