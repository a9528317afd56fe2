//! The node's subscriptions: a link to every server that holds slots, kept alive, and each name subscribed where
//! its slot is. One server is the case of one link that has all slots.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use wirebell_protocol::{Channel, Keys, NodeId};

use super::super::inbox::Inbox;
use super::link::{Ear, Link, Trouble};
use super::place::{Kind, Place};
use super::slots::{Address, Slots};
use super::{BusError, discovery, lock};
use crate::telemetry::Metrics;

/// How often silent links are asked whether they still live.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How often a Cluster is asked for its slots, should no message have told of a change.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The pause before connecting again: short, since every moment of it is deafness, and jittered.
const RETRY_MILLIS: std::ops::Range<u64> = 50..250;

/// Whether the subscriptions stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkState {
    /// All of them.
    Up,
    /// Why not.
    Down(String),
}

pub(super) struct Subscriber {
    place: Place,
    keys: Keys,
    node: NodeId,
    ear: Ear,
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
    pub(super) fn new(place: Place, keys: Keys, node: NodeId, inbox: Inbox, metrics: Arc<Metrics>) -> Self {
        let state = watch::Sender::new(LinkState::Down("not connected yet".to_owned()));
        let ear = Ear { inbox, metrics, trouble: Arc::new(Trouble::default()) };
        Self { place, keys, node, ear, wanted: Mutex::default(), routes: Mutex::default(), state }
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
        if let Err(error) = try_join_all(asked).await {
            // The link is lost, and with it the subscriptions.
            tracing::debug!(%error, "not unsubscribed");
        }
    }

    /// Keeps the links for as long as the process lives.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            match self.settle().await {
                Ok(()) => self.until_trouble().await,
                Err(error) => {
                    self.state.send_replace(LinkState::Down(error.to_string()));
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(RETRY_MILLIS))).await;
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
        let after = Arc::new(Routes { slots, links: links.into_iter().collect() });
        *lock(&self.routes) = Arc::clone(&after);
        let strayed = std::mem::take(&mut *lock(&self.ear.trouble.strayed));
        let missing = self.missing(&before, &after, &strayed);
        if !missing.is_empty() {
            let again = missing.iter().filter(|name| **name != self.keys.announce_node(self.node)).count();
            if let Err(error) = self.ask(&after, missing.clone()).await {
                // Some may stand and some not: all of them again.
                self.ear.trouble.stray(missing);
                return Err(error);
            }
            self.ear.metrics.bus_resubscriptions.inc_by(again as u64);
            // Whatever was published while nobody listened is in the logs only.
            self.ear.inbox.missed_any();
        }
        self.count();
        self.state.send_replace(LinkState::Up);
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
                () = tokio::time::sleep(PROBE_EVERY) => {}
            }
            let routes = self.routes();
            let probes = routes.links.values().map(|link| link.probe(self.place.can_move()));
            if try_join_all(probes).await.is_err() {
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
        let dead: Vec<String> = routes
            .links
            .iter()
            .filter(|(_, link)| !link.is_alive())
            .map(|(address, _)| address.to_string())
            .collect();
        if !dead.is_empty() {
            self.ear.metrics.bus_disconnections.inc_by(dead.len() as u64);
            let why = format!("the connection to {} was lost", dead.join(", "));
            self.state.send_replace(LinkState::Down(why));
        }
    }

    async fn ask(&self, routes: &Routes, names: Vec<String>) -> Result<(), BusError> {
        let none = || BusError::Unavailable("the subscriptions' connection is down".to_owned());
        let sorted = routes.sort(names).ok_or_else(none)?;
        try_join_all(sorted.iter().map(|(link, names)| link.subscribe(names))).await?;
        Ok(())
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
