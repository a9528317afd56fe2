//! The canary: a message that the node sends to itself through every server, to know that it hears. A subscription may
//! be deaf while its connection lives and answers; nothing else would tell.
//!
//! It is published on the connection for commands and heard on the link. So it takes the way of the events: a link to
//! a server that nobody publishes to any more is found deaf, although it could hear what it sent itself. And no more
//! commands are on their way on the link than before (`link` says why that matters).
//!
//! No clock judges. Redis answers a connection in the order in which it wrote to it: once a canary's publication is
//! confirmed, whatever the link is asked afterwards is answered behind the canary. Is it answered, and the canary was
//! not heard, then it never will be; a busy link is only late with both.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fred::interfaces::PubsubInterface;

use super::commands::Commands;
use super::link::Link;
use super::slots::{Address, Slots};
use super::{BusError, lock};
use crate::telemetry::Metrics;

/// How long a publication may take. Beyond it nothing is known, and the probe of the link must not wait.
const PATIENCE: Duration = Duration::from_millis(500);
/// One that was not heard is followed by another at once: a slot on its move may take the first with it.
const TRIES: u32 = 2;
/// Names that are tried for one in each server's slots. Among so many there is one for a single slot too.
const MOST_NAMES: u32 = 200_000;

/// Publishes canaries, and keeps account of when they were heard.
pub(super) struct Canary {
    commands: Arc<Commands>,
    metrics: Arc<Metrics>,
    count: AtomicU64,
    hearing: Mutex<Hearing>,
}

struct Hearing {
    /// When the last canary was heard through every server.
    last: Instant,
    /// Was one not heard since?
    deaf: bool,
}

impl Canary {
    pub(super) fn new(commands: Arc<Commands>, metrics: Arc<Metrics>) -> Self {
        let hearing = Mutex::new(Hearing { last: Instant::now(), deaf: false });
        Self { commands, metrics, count: AtomicU64::new(0), hearing }
    }

    /// Asks the link whether it lives, and whether it hears what is published under this name. False: nobody knows,
    /// since the canary could not be published, or its slot is on its way to another server.
    pub(super) async fn try_link(&self, link: &Link, name: &str, must_be_primary: bool) -> Result<bool, BusError> {
        let mut listeners = 0;
        for _ in 0..TRIES {
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let published = self.publish(name, number).await;
            link.probe(must_be_primary).await?;
            match published {
                Some(_) if link.heard() >= number => return Ok(true),
                Some(found) if !link.has_strayed(name) => listeners = found,
                _ => return Ok(false),
            }
        }
        self.metrics.bus_deaf.inc();
        if !lock(&self.hearing).deaf {
            tracing::warn!(server = %link.address(), listeners, "a subscription is deaf though its connection lives");
        }
        Err(link.lost("the subscription was deaf: what was published did not arrive"))
    }

    /// To how many connections the server gave it. None if that is not known.
    async fn publish(&self, name: &str, number: u64) -> Option<u64> {
        let published = self.commands.client.spublish(name, number.to_string());
        tokio::time::timeout(PATIENCE, published).await.ok()?.ok()
    }

    /// Notes how a round went.
    pub(super) fn note(&self, heard_by_all: bool) {
        let mut hearing = lock(&self.hearing);
        if heard_by_all {
            if hearing.deaf {
                let deaf = hearing.last.elapsed();
                self.metrics.bus_deafness.observe(deaf.as_secs_f64());
                tracing::info!(seconds = deaf.as_secs_f64(), "the bus is heard again");
            }
            *hearing = Hearing { last: Instant::now(), deaf: false };
        } else {
            hearing.deaf = true;
        }
        self.metrics.bus_canary_silence.set(hearing.last.elapsed().as_secs_f64());
    }
}

/// The number that a message on a canary's channel carries.
pub(super) fn number(message: &[u8]) -> Option<u64> {
    str::from_utf8(message).ok()?.parse().ok()
}

/// A name in the slots of each server. One that still fits is kept, so that nothing has to be subscribed anew.
pub(super) fn names(
    slots: &Slots,
    before: &HashMap<Address, String>,
    name: impl Fn(u32) -> String,
) -> HashMap<Address, String> {
    let kept = before.iter().filter(|(address, name)| slots.owner(name) == Some(address));
    let mut names: HashMap<_, _> = kept.map(|(address, name)| (address.clone(), name.clone())).collect();
    let servers = slots.owners().len();
    for number in 0..MOST_NAMES {
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
        Slots::read(&Value::Array(rows), &Address::new("h", 1)).unwrap()
    }

    fn name(number: u32) -> String {
        Keys::default().canary(number, NodeId::from_bits(7))
    }

    #[test]
    fn every_server_has_a_name_of_its_own_even_with_one_slot() {
        let slots = slots(vec![row(0, 99, 1), row(100, 100, 2), row(101, 16_383, 3)]);
        let names = names(&slots, &HashMap::new(), name);
        assert_eq!(names.len(), 3);
        assert!(names.iter().all(|(address, name)| slots.owner(name) == Some(address)), "{names:?}");
    }

    #[test]
    fn a_name_stays_until_its_slot_moves() {
        let before = slots(vec![row(0, 8_000, 1), row(8_001, 16_383, 2)]);
        let first = names(&before, &HashMap::new(), name);
        assert_eq!(names(&before, &first, name), first);
        let exchanged = slots(vec![row(0, 8_000, 2), row(8_001, 16_383, 1)]);
        let second = names(&exchanged, &first, name);
        assert!(second.iter().all(|(address, name)| exchanged.owner(name) == Some(address)), "{second:?}");
        let gone = slots(vec![row(0, 16_383, 2)]);
        assert_eq!(names(&gone, &first, name).len(), 1);
    }

    #[test]
    fn a_message_is_a_number_or_nothing() {
        assert_eq!((number(b"12"), number(b"x"), number(&[0xff])), (Some(12), None, None));
    }
}
