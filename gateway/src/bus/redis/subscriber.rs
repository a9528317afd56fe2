//! The node's subscriptions: a link to every server that holds slots, kept alive, and each name subscribed where
//! its slot is. One server is the case of one link that has all slots.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;
use tokio::time::Instant;
use wirebell_protocol::{Channel, Keys, NodeId};

use super::super::intake::Intake;
use super::canary::{self, Canary};
use super::commands::Commands;
use super::link::{Ear, Link, Trouble};
use super::place::{Kind, Place};
use super::slots::{Address, Slots};
use super::{BusError, discovery, lock};
use crate::lifecycle::next_tick;
use crate::telemetry::Metrics;

/// How often links are asked whether they live, and whether they hear. Being deaf is noticed within it.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How often a Cluster is asked for its slots, should no message have told of a change.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The pause before connecting again: short, since every moment of it is deafness, and jittered.
const RETRY_MILLIS: std::ops::Range<u64> = 50..250;
/// After so many vain attempts haste is of no use.
const HASTY_ATTEMPTS: u32 = 20;
/// The pause from then on: what cannot be had is not worth a storm of connections.
const SLOW_RETRY_MILLIS: std::ops::Range<u64> = 500..1_000;

/// Whether the subscriptions stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkState {
    /// All of them, and they are heard as far as is known.
    Up,
    /// Why not.
    Down(String),
}

pub(super) struct Subscriber {
    place: Place,
    keys: Keys,
    node: NodeId,
    ear: Ear,
    canary: Canary,
    /// What has to be listened for, whatever happens to the links.
    wanted: Mutex<HashSet<Channel>>,
    routes: Mutex<Arc<Routes>>,
    state: watch::Sender<LinkState>,
}

/// The servers as they are known, each with its link.
#[derive(Default)]
struct Routes {
    slots: Slots,
    links: HashMap<Address, Arc<Link>>,
    /// By what name each link is sent the canary.
    canaries: HashMap<Address, String>,
}

impl Routes {
    fn link(&self, name: &str) -> Option<&Arc<Link>> {
        self.links.get(self.slots.owner(name)?)
    }

    /// Are both of them one and the same connection?
    fn agrees(&self, other: &Self, name: &str) -> bool {
        match (self.link(name), other.link(name)) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }

    /// Is the link's canary subscribed to on this very connection?
    fn has_canary(&self, link: &Arc<Link>, name: &str) -> bool {
        self.canaries.get(link.address()).is_some_and(|known| known == name)
            && self.links.get(link.address()).is_some_and(|known| Arc::ptr_eq(known, link))
    }

    /// The names by the link that each belongs to. None if there is a name without one.
    fn sort(&self, names: Vec<String>) -> Option<Vec<(&Arc<Link>, Vec<String>)>> {
        let mut sorted: HashMap<&Address, Vec<String>> = HashMap::new();
        for name in names {
            sorted.entry(self.slots.owner(&name)?).or_default().push(name);
        }
        sorted.into_iter().map(|(owner, names)| Some((self.links.get(owner)?, names))).collect()
    }
}

impl Subscriber {
    pub(super) fn new(
        place: Place,
        keys: Keys,
        node: NodeId,
        intake: Intake,
        commands: Arc<Commands>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let state = watch::Sender::new(LinkState::Down("not connected yet".to_owned()));
        let name = keys.canary(0, node);
        let ending = name.rsplit_once('}').map_or(name.as_str(), |(_, ending)| ending).into();
        let canary = Canary::new(commands, Arc::clone(&metrics));
        let ear = Ear { intake, metrics, trouble: Arc::new(Trouble::default()), canary: ending };
        Self { place, keys, node, ear, canary, wanted: Mutex::default(), routes: Mutex::default(), state }
    }

    pub(super) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(super) async fn subscribe(&self, channels: &[Channel]) -> Result<(), BusError> {
        // Noted first: should the routes change meanwhile, the keeper finds them among what is wanted.
        lock(&self.wanted).extend(channels.iter().cloned());
        self.ask(&self.routes(), self.names(channels)).await?;
        self.count();
        Ok(())
    }

    pub(super) async fn unsubscribe(&self, channels: &[Channel]) {
        {
            let mut wanted = lock(&self.wanted);
            for channel in channels {
                wanted.remove(channel);
            }
        }
        self.count();
        let routes = self.routes();
        let Some(sorted) = routes.sort(self.names(channels)) else { return };
        let asked = sorted.iter().map(|(link, names)| link.unsubscribe(names));
        if let Err(error) = all(join_all(asked).await) {
            // The link is lost, and with it the subscriptions.
            tracing::debug!(%error, "not unsubscribed");
        }
    }

    /// Keeps the links for as long as the process lives.
    pub(super) async fn run(self: Arc<Self>) {
        let mut vain = 0;
        loop {
            match self.settle().await {
                Ok(()) => {
                    vain = 0;
                    self.until_trouble().await;
                }
                Err(error) => {
                    vain += 1;
                    self.canary.note(false);
                    self.say(LinkState::Down(error.to_string()));
                    let pause = if vain > HASTY_ATTEMPTS { SLOW_RETRY_MILLIS } else { RETRY_MILLIS };
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(pause))).await;
                }
            }
        }
    }

    /// Finds the servers, connects to those that are new, and subscribes what does not stand where it belongs.
    async fn settle(&self) -> Result<(), BusError> {
        let before = self.routes();
        let known: Vec<Address> = before.links.keys().cloned().collect();
        let slots = discovery::slots(&self.place, &known).await?;
        let links = try_join_all(slots.owners().into_iter().map(|owner| self.link(&before, owner))).await?;
        let links = links.into_iter().collect();
        let canaries = canary::names(&slots, &before.canaries, |number| self.keys.canary(number, self.node));
        let after = Arc::new(Routes { slots, links, canaries });
        // A new link proves that it hears before thousands of names are entrusted to it.
        self.subscribe_canaries(&before, &after).await?;
        self.listen(&after).await?;
        *lock(&self.routes) = Arc::clone(&after);
        let strayed = std::mem::take(&mut *lock(&self.ear.trouble.strayed));
        let missing = self.missing(&before, &after, &strayed);
        if !missing.is_empty() {
            let own = self.keys.announce_node(self.node);
            let again = missing.iter().filter(|name| **name != own).count();
            if let Err(error) = self.ask(&after, missing.clone()).await {
                // Some may stand and some not: all of them again.
                self.ear.trouble.stray(missing);
                return Err(error);
            }
            self.ear.metrics.bus_resubscriptions.inc_by(again as u64);
            // Whatever was published while nobody listened is in the logs only.
            self.ear.intake.missed_any();
        }
        self.count();
        self.say(LinkState::Up);
        Ok(())
    }

    async fn subscribe_canaries(&self, before: &Routes, after: &Routes) -> Result<(), BusError> {
        let asked = after.links.values().map(async |link| {
            let Some(name) = after.canaries.get(link.address()) else { return Ok(()) };
            let strayed = lock(&self.ear.trouble.strayed).remove(name);
            if !strayed && before.has_canary(link, name) {
                return Ok(());
            }
            link.subscribe(std::slice::from_ref(name)).await
        });
        all(join_all(asked).await).map(drop)
    }

    /// Asks every link whether it lives and hears.
    async fn listen(&self, routes: &Routes) -> Result<(), BusError> {
        let must_be_primary = self.place.can_move();
        let asked = routes.links.values().map(async |link| match routes.canaries.get(link.address()) {
            Some(name) => self.canary.try_link(link, name, must_be_primary).await,
            None => link.probe(must_be_primary).await.map(|()| true),
        });
        // All of them to their end: the answer to a probe that nobody waits for any more would still come.
        let heard = all(join_all(asked).await)?;
        self.canary.note(heard.into_iter().all(|heard| heard));
        Ok(())
    }

    async fn link(&self, before: &Routes, owner: &Address) -> Result<(Address, Arc<Link>), BusError> {
        if let Some(link) = before.links.get(owner).filter(|link| link.is_alive()) {
            return Ok((owner.clone(), Arc::clone(link)));
        }
        let client = self.place.client(owner)?;
        let link = Link::connect(client, owner.clone(), self.ear.clone(), self.place.can_move()).await?;
        Ok((owner.clone(), Arc::new(link)))
    }

    /// Every name that is wanted and does not stand at the link where it belongs.
    fn missing(&self, before: &Routes, after: &Routes, strayed: &HashSet<String>) -> Vec<String> {
        let mut names: HashSet<String> =
            lock(&self.wanted).iter().map(|channel| self.keys.announce(channel)).collect();
        names.insert(self.keys.announce_node(self.node));
        names.retain(|name| strayed.contains(name) || !before.agrees(after, name));
        names.into_iter().collect()
    }

    async fn until_trouble(&self) {
        let look = Instant::now() + LOOK_EVERY;
        loop {
            tokio::select! {
                () = self.ear.trouble.bell.notified() => break,
                () = tokio::time::sleep_until(next_tick(PROBE_EVERY)) => {}
            }
            if self.listen(&self.routes()).await.is_err() {
                self.canary.note(false);
                break;
            }
            if matches!(self.place.kind, Kind::Cluster { .. }) && Instant::now() > look {
                return;
            }
        }
        self.lose_the_dead();
    }

    /// Says so at once if a link is gone, since finding its server again may take a while.
    fn lose_the_dead(&self) {
        let routes = self.routes();
        let dead: Vec<String> =
            routes.links.values().filter(|link| !link.is_alive()).map(|link| link.cause()).collect();
        if !dead.is_empty() {
            self.ear.metrics.bus_disconnections.inc_by(dead.len() as u64);
            self.canary.note(false);
            self.say(LinkState::Down(dead.join("; ")));
        }
    }

    async fn ask(&self, routes: &Routes, names: Vec<String>) -> Result<(), BusError> {
        let none = || BusError::Unavailable("the subscriptions' connection is down".to_owned());
        let sorted = routes.sort(names).ok_or_else(none)?;
        all(join_all(sorted.iter().map(|(link, names)| link.subscribe(names))).await).map(drop)
    }

    /// Waking whoever watches is for news only.
    fn say(&self, state: LinkState) {
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

    fn count(&self) {
        self.ear.metrics.bus_subscriptions.set(i64::try_from(lock(&self.wanted).len()).unwrap_or(i64::MAX));
    }
}

/// The first error, once every answer is there.
fn all<T>(answers: Vec<Result<T, BusError>>) -> Result<Vec<T>, BusError> {
    answers.into_iter().collect()
}
