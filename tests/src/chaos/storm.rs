//! The faults of a run, carried out one after the other on each lane, and counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use wirebell_protocol::event::Durability;

use super::device::{Orders, user_name};
use super::fleet::Fleet;
use super::plan::{Deck, NodeFault, RedisFault};
use super::publish::Press;
use super::servers::{Done, Servers};
use crate::proxy::Link;

/// How many events a burst has, and how long the padding of each is: together far more than may wait anywhere.
const BURST: usize = 600;
const BURST_PADDING: usize = 1_500;
/// What may wait for a connection that listens: while it is limited, and as Redis has it.
const NARROW: &str = "pubsub 64kb 32kb 1";
const USUAL: &str = "pubsub 32mb 8mb 60";

/// What the lanes share.
pub struct Storm {
    /// The publishers.
    pub press: Arc<Press>,
    /// The nodes.
    pub fleet: Arc<Fleet>,
    /// What the devices are told.
    pub orders: watch::Sender<Orders>,
    /// What has been done.
    pub tally: Tally,
}

/// How often each fault took place, and what became of those that did not.
#[derive(Debug, Default)]
pub struct Tally(Mutex<(BTreeMap<&'static str, u64>, Vec<String>)>);

impl Tally {
    fn note(&self, millis: u64, name: &'static str, done: &Done) {
        let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, told) = &mut *both;
        match done {
            Ok(()) => {
                *counts.entry(name).or_default() += 1;
                told.push(format!("{millis:>7} {name}: done"));
            }
            Err(reason) => told.push(format!("{millis:>7} {name}: {reason}")),
        }
    }

    /// Counts by name.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// What was done when, line by line.
    pub fn told(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl Storm {
    /// Goes on with faults in Redis until the time is over; gives the servers back, all of them running.
    pub async fn in_redis(&self, mut servers: Servers, mut deck: Deck<RedisFault>, until: Instant) -> Servers {
        sleep(deck.millis(500..1_500)).await;
        while Instant::now() < until {
            let fault = deck.draw();
            let done = self.redis_fault(fault, &mut servers, &mut deck).await;
            self.press_note(fault.name(), &done);
            sleep(deck.millis(500..2_500)).await;
        }
        servers
    }

    /// Goes on with faults of nodes until the time is over.
    pub async fn in_nodes(&self, mut deck: Deck<NodeFault>, until: Instant) {
        sleep(deck.millis(200..1_000)).await;
        while Instant::now() < until {
            let fault = deck.draw();
            self.node_fault(fault, &mut deck).await;
            self.press_note(fault.name(), &Ok(()));
            sleep(deck.millis(300..1_500)).await;
        }
    }

    fn press_note(&self, name: &'static str, done: &Done) {
        self.tally.note(self.press.book.millis(), name, done);
    }

    async fn redis_fault(&self, fault: RedisFault, servers: &mut Servers, deck: &mut Deck<RedisFault>) -> Done {
        let user = deck.rng.u32(..self.press.users);
        let key = format!("wb:{{user:{}}}:log", user_name(user));
        let gate = (self.press.durability == Durability::Primary).then_some(&self.press.gate);
        match fault {
            RedisFault::Crash => servers.crash(&key, deck.millis(50..1_200)).await,
            RedisFault::Freeze => servers.freeze(&key, deck.millis(200..1_500)).await,
            RedisFault::Listeners => servers.cut("pubsub").await,
            RedisFault::Connections => servers.cut("normal").await,
            RedisFault::Limit => {
                servers.limit(NARROW).await?;
                self.press.burst(user, BURST, BURST_PADDING, self.orders.subscribe()).await;
                servers.limit(USUAL).await
            }
            RedisFault::Failover => servers.fail_over(&key, deck.millis(0..1_500), gate).await,
            RedisFault::Exchange => servers.exchange(&key, gate).await,
            RedisFault::Migrate => servers.migrate(&key).await,
        }
    }

    async fn node_fault(&self, fault: NodeFault, deck: &mut Deck<NodeFault>) {
        let (place, fleet) = (deck.rng.usize(..self.fleet.size()), &self.fleet);
        match fault {
            NodeFault::Kill => fleet.kill(place, deck.millis(0..1_500)).await,
            NodeFault::Terminate => fleet.terminate(place).await,
            NodeFault::Freeze => fleet.freeze(place, deck.millis(200..2_500)).await,
            NodeFault::Cut => fleet.link(place, Link::Cut, deck.millis(100..3_000)).await,
            NodeFault::Stall => fleet.link(place, Link::Stalled, deck.millis(300..5_000)).await,
            NodeFault::Slow => {
                let delay = deck.millis(5..120);
                fleet.link(place, Link::Slow(delay), deck.millis(500..3_000)).await;
            }
            NodeFault::Burst => {
                let user = deck.rng.u32(..self.press.users);
                self.orders.send_modify(|orders| orders.frozen = Some(user));
                sleep(Duration::from_millis(200)).await;
                self.press.burst(user, BURST, BURST_PADDING, self.orders.subscribe()).await;
                sleep(deck.millis(500..4_000)).await;
                self.orders.send_modify(|orders| orders.frozen = None);
            }
        }
    }
}
