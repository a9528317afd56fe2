//! The node's subscriptions: a link to every server that owns slots, and each channel subscribed at
//! the owner of its slot. A single server is one link that has all slots.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;
use tokio::time::Instant;
use wirebell_protocol::{Channel, Keys, NodeId};

use super::canary::{self, Canary};
use super::commands::Commands;
use super::discovery;
use super::endpoint::{RedisEndpoint, Topology};
use super::link::{Link, LinkErrors, MessageSink};
use super::mutex::lock;
use super::slots::{Address, Slots};
use crate::bus::BusError;
use crate::bus::delivery_queue::DeliverySender;
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

/// How often links are probed and sent a canary. A deaf link is found within this time.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How often the slots of a Cluster are read, in case no message reported a change.
const SLOTS_INTERVAL: Duration = Duration::from_secs(30);
/// The delay before reconnecting: short, since the node is deaf meanwhile, and jittered.
const RETRY_MILLIS: std::ops::Range<u64> = 50..250;
/// Failed attempts before the longer delay.
const FAST_ATTEMPTS: u32 = 20;
/// The delay after that. An unreachable server must not cause a storm of connections.
const SLOW_RETRY_MILLIS: std::ops::Range<u64> = 500..1_000;

/// Whether the subscriptions work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubscriptionState {
    /// All channels are subscribed, and no link is known to be deaf.
    Up,
    /// They do not work, for this reason.
    Down(String),
}

pub(super) struct Subscriber {
    endpoint: RedisEndpoint,
    keys: Keys,
    node: NodeId,
    sink: MessageSink,
    canary: Canary,
    /// The channels that must be subscribed, independently of the links.
    wanted: Mutex<HashSet<Channel>>,
    routes: Mutex<Arc<Routes>>,
    state: watch::Sender<SubscriptionState>,
}

/// The known servers, each with its link.
#[derive(Default)]
struct Routes {
    slots: Slots,
    links: HashMap<Address, Arc<Link>>,
    /// The canary channel of each link.
    canaries: HashMap<Address, String>,
}

impl Routes {
    fn link(&self, name: &str) -> Option<&Arc<Link>> {
        self.links.get(self.slots.owner(name)?)
    }

    /// Returns whether both routes use the same connection for the name.
    fn agrees(&self, other: &Self, name: &str) -> bool {
        match (self.link(name), other.link(name)) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }

    /// Returns whether the link's canary channel is subscribed on this same connection.
    fn has_canary(&self, link: &Arc<Link>, name: &str) -> bool {
        self.canaries.get(link.address()).is_some_and(|known| known == name)
            && self.links.get(link.address()).is_some_and(|known| Arc::ptr_eq(known, link))
    }

    /// Groups names by their link. Returns `None` if a name has no link.
    fn by_link(&self, names: Vec<String>) -> Option<Vec<(&Arc<Link>, Vec<String>)>> {
        let mut grouped: HashMap<&Address, Vec<String>> = HashMap::new();
        for name in names {
            grouped.entry(self.slots.owner(&name)?).or_default().push(name);
        }
        grouped.into_iter().map(|(owner, names)| Some((self.links.get(owner)?, names))).collect()
    }
}

impl Subscriber {
    pub(super) fn new(
        endpoint: RedisEndpoint,
        keys: Keys,
        node: NodeId,
        sender: DeliverySender,
        commands: Arc<Commands>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let state = watch::Sender::new(SubscriptionState::Down("not connected yet".to_owned()));
        let name = keys.canary(0, node);
        let canary_suffix = name.rsplit_once('}').map_or(name.as_str(), |(_, suffix)| suffix).into();
        let canary = Canary::new(commands, Arc::clone(&metrics));
        let sink = MessageSink { sender, metrics, errors: Arc::new(LinkErrors::default()), canary_suffix };
        Self { endpoint, keys, node, sink, canary, wanted: Mutex::default(), routes: Mutex::default(), state }
    }

    pub(super) fn state(&self) -> watch::Receiver<SubscriptionState> {
        self.state.subscribe()
    }

    pub(super) async fn subscribe(&self, channels: &[Channel]) -> Result<(), BusError> {
        // Added first: if the routes change meanwhile, the next update subscribes all wanted
        // channels.
        lock(&self.wanted).extend(channels.iter().cloned());
        self.subscribe_names(&self.routes(), self.names(channels)).await?;
        self.update_gauge();
        Ok(())
    }

    /// Unsubscribes from channels. A failure means that the link and its subscriptions are lost.
    pub(super) async fn unsubscribe(&self, channels: &[Channel]) {
        {
            let mut wanted = lock(&self.wanted);
            for channel in channels {
                wanted.remove(channel);
            }
        }
        self.update_gauge();
        let routes = self.routes();
        let Some(grouped) = routes.by_link(self.names(channels)) else { return };
        let calls = grouped.iter().map(|(link, names)| link.unsubscribe(names));
        if let Err(error) = all(join_all(calls).await) {
            // The link is lost, and its subscriptions with it.
            tracing::debug!(%error, "cannot unsubscribe; the link and its subscriptions are lost");
        }
    }

    /// Maintains the links for as long as the process runs.
    pub(super) async fn run(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            match self.update().await {
                Ok(()) => {
                    failures = 0;
                    self.wait_for_change().await;
                }
                Err(error) => {
                    failures += 1;
                    self.canary.record_round(false);
                    self.set_state(SubscriptionState::Down(error.to_string()));
                    let delay = if failures > FAST_ATTEMPTS { SLOW_RETRY_MILLIS } else { RETRY_MILLIS };
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(delay))).await;
                }
            }
        }
    }

    /// Finds the servers, connects to new ones, and subscribes every channel that is not subscribed
    /// at its owner.
    async fn update(&self) -> Result<(), BusError> {
        let before = self.routes();
        let known: Vec<Address> = before.links.keys().cloned().collect();
        let slots = discovery::slots(&self.endpoint, &known).await?;
        let links = try_join_all(slots.owners().into_iter().map(|owner| self.link(&before, owner))).await?;
        let links = links.into_iter().collect();
        let canaries =
            canary::channel_names(&slots, &before.canaries, |number| self.keys.canary(number, self.node));
        let after = Arc::new(Routes { slots, links, canaries });
        // A new link must receive its canary before thousands of channels are subscribed on it.
        self.subscribe_canaries(&before, &after).await?;
        self.probe_links(&after).await?;
        *lock(&self.routes) = Arc::clone(&after);
        let lost = std::mem::take(&mut *lock(&self.sink.errors.lost_names));
        let missing = self.missing(&before, &after, &lost);
        if !missing.is_empty() {
            let own = self.keys.announce_node(self.node);
            let resubscribed = missing.iter().filter(|name| **name != own).count();
            if let Err(error) = self.subscribe_names(&after, missing.clone()).await {
                // Some may be subscribed and some not, so all of them are tried again.
                self.sink.errors.add_lost(missing);
                return Err(error);
            }
            self.sink.metrics.bus_resubscriptions.inc_by(resubscribed as u64);
            // Events that were published while there was no subscription are only in the logs.
            self.sink.sender.mark_all_missed();
        }
        self.update_gauge();
        self.set_state(SubscriptionState::Up);
        Ok(())
    }

    async fn subscribe_canaries(&self, before: &Routes, after: &Routes) -> Result<(), BusError> {
        let calls = after.links.values().map(async |link| {
            let Some(name) = after.canaries.get(link.address()) else { return Ok(()) };
            let was_lost = lock(&self.sink.errors.lost_names).remove(name);
            if !was_lost && before.has_canary(link, name) {
                return Ok(());
            }
            link.subscribe(std::slice::from_ref(name)).await
        });
        all(join_all(calls).await).map(drop)
    }

    /// Checks that every link is open and receives its canary.
    async fn probe_links(&self, routes: &Routes) -> Result<(), BusError> {
        let must_be_primary = self.endpoint.can_fail_over();
        let probes = routes.links.values().map(async |link| match routes.canaries.get(link.address()) {
            Some(name) => self.canary.check(link, name, must_be_primary).await,
            None => link.probe(must_be_primary).await.map(|()| true),
        });
        // Every probe runs to its end: an abandoned one would still get its answer on the link.
        let received = all(join_all(probes).await)?;
        self.canary.record_round(received.into_iter().all(|received| received));
        Ok(())
    }

    async fn link(&self, before: &Routes, owner: &Address) -> Result<(Address, Arc<Link>), BusError> {
        if let Some(link) = before.links.get(owner).filter(|link| link.is_alive()) {
            return Ok((owner.clone(), Arc::clone(link)));
        }
        let client = self.endpoint.client(owner)?;
        let must_be_primary = self.endpoint.can_fail_over();
        let link = Link::connect(client, owner.clone(), self.sink.clone(), must_be_primary).await?;
        Ok((owner.clone(), Arc::new(link)))
    }

    /// Returns every wanted name that is not subscribed on the link of its owner.
    fn missing(&self, before: &Routes, after: &Routes, lost: &HashSet<String>) -> Vec<String> {
        let mut names: HashSet<String> =
            lock(&self.wanted).iter().map(|channel| self.keys.announce(channel)).collect();
        names.insert(self.keys.announce_node(self.node));
        names.retain(|name| lost.contains(name) || !before.agrees(after, name));
        names.into_iter().collect()
    }

    /// Probes the links until one fails, a subscription is lost, or the slots must be read again.
    async fn wait_for_change(&self) {
        let read_slots_at = Instant::now() + SLOTS_INTERVAL;
        loop {
            tokio::select! {
                () = self.sink.errors.changed.notified() => break,
                () = tokio::time::sleep_until(next_tick(PROBE_INTERVAL)) => {}
            }
            if self.probe_links(&self.routes()).await.is_err() {
                self.canary.record_round(false);
                break;
            }
            if matches!(self.endpoint.topology, Topology::Cluster { .. }) && Instant::now() > read_slots_at {
                return;
            }
        }
        self.report_dead_links();
    }

    /// Reports dead links at once, since finding their servers again may take a while.
    fn report_dead_links(&self) {
        let routes = self.routes();
        let dead: Vec<String> =
            routes.links.values().filter(|link| !link.is_alive()).map(|link| link.cause()).collect();
        if !dead.is_empty() {
            self.sink.metrics.bus_disconnections.inc_by(dead.len() as u64);
            self.canary.record_round(false);
            self.set_state(SubscriptionState::Down(dead.join("; ")));
        }
    }

    async fn subscribe_names(&self, routes: &Routes, names: Vec<String>) -> Result<(), BusError> {
        let no_link = || BusError::Unavailable("the connection of the subscriptions is down".to_owned());
        let grouped = routes.by_link(names).ok_or_else(no_link)?;
        all(join_all(grouped.iter().map(|(link, names)| link.subscribe(names))).await).map(drop)
    }

    /// Sets the state. Only a change wakes the receivers.
    fn set_state(&self, state: SubscriptionState) {
        self.state.send_if_modified(|before| {
            let differs = *before != state;
            *before = state;
            differs
        });
    }

    fn routes(&self) -> Arc<Routes> {
        Arc::clone(&lock(&self.routes))
    }

    fn names(&self, channels: &[Channel]) -> Vec<String> {
        channels.iter().map(|channel| self.keys.announce(channel)).collect()
    }

    fn update_gauge(&self) {
        self.sink.metrics.bus_subscriptions.set(i64::try_from(lock(&self.wanted).len()).unwrap_or(i64::MAX));
    }
}

/// Returns all values, or the first error.
fn all<T>(answers: Vec<Result<T, BusError>>) -> Result<Vec<T>, BusError> {
    answers.into_iter().collect()
}
