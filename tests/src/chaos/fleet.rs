//! The nodes of a run: killed, stopped and frozen, and started anew, each on its own link to Redis.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::http::Services;
use crate::log::Log;
use crate::node::{Node, Setup};
use crate::proxy::{Link, Proxy};

/// So long a balancer goes on sending clients to a node that is no longer there.
const BALANCER: Duration = Duration::from_millis(300);

/// The nodes, and what a balancer knows about them.
pub struct Fleet {
    places: Vec<Place>,
    doors: Mutex<Vec<Option<Doors>>>,
    logs: Mutex<Vec<Log>>,
}

struct Place {
    setup: Setup,
    proxy: Option<Proxy>,
    node: tokio::sync::Mutex<Option<Node>>,
}

/// A node's two addresses.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// For clients.
    pub clients: SocketAddr,
    /// For services.
    pub services: SocketAddr,
}

impl Fleet {
    /// So many nodes on the Redis at this URL; each over a proxy of its own, where there is an address to put it
    /// before.
    pub async fn start(count: usize, url: &str, proxied: Option<SocketAddr>, settings: &[(&str, String)]) -> Self {
        let mut places = Vec::new();
        for _ in 0..count {
            let proxy = match proxied {
                Some(redis) => Some(Proxy::start(redis).await),
                None => None,
            };
            let url = proxy.as_ref().map_or_else(|| url.to_owned(), |it| format!("redis://{}", it.address()));
            places.push(Place { setup: setup(&url, settings), proxy, node: tokio::sync::Mutex::new(None) });
        }
        let fleet = Self { places, doors: Mutex::new(vec![None; count]), logs: Mutex::default() };
        for place in 0..count {
            fleet.start_again(place).await;
        }
        fleet
    }

    /// How many nodes there are when none is away.
    pub fn size(&self) -> usize {
        self.places.len()
    }

    /// Any of the nodes that a balancer believes in.
    pub fn pick(&self) -> Option<Doors> {
        let living: Vec<Doors> = self.doors().iter().flatten().copied().collect();
        fastrand::choice(living)
    }

    /// Ends a node at once, and starts it anew after a while.
    pub async fn kill(&self, place: usize, away: Duration) {
        let mut node = self.places[place].node.lock().await;
        drop(node.take());
        tokio::time::sleep(BALANCER).await;
        self.doors()[place] = None;
        tokio::time::sleep(away).await;
        *node = Some(self.started(place).await);
    }

    /// Ends a node as its orchestrator does, and starts it anew.
    pub async fn terminate(&self, place: usize) {
        let mut node = self.places[place].node.lock().await;
        if let Some(mut node) = node.take() {
            node.terminate();
            tokio::time::sleep(BALANCER).await;
            self.doors()[place] = None;
            node.ended().await;
        }
        *node = Some(self.started(place).await);
    }

    /// Stops a node's clock, as a machine does that is moved.
    pub async fn freeze(&self, place: usize, duration: Duration) {
        let node = self.places[place].node.lock().await;
        if let Some(node) = node.as_ref() {
            node.signal("STOP");
            tokio::time::sleep(duration).await;
            node.signal("CONT");
        }
    }

    /// Changes a node's link to Redis for a while.
    pub async fn link(&self, place: usize, link: Link, duration: Duration) {
        if let Some(proxy) = &self.places[place].proxy {
            proxy.set(link);
            tokio::time::sleep(duration).await;
            proxy.set(Link::Open);
        }
    }

    /// Waits until every node says that it is ready; names those that do not run, or do not come to say so.
    pub async fn all_ready(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (number, place) in self.places.iter().enumerate() {
            let mut node = place.node.lock().await;
            let runs = node.as_mut().is_some_and(Node::runs);
            match node.as_ref().filter(|_| runs) {
                Some(node) => {
                    let unready = unready(&node.door()).await;
                    complaints.extend(unready.map(|why| format!("node {number} ({}): {why}", node.services)));
                }
                None => complaints.push(format!("node {number} ended by itself")),
            }
        }
        complaints
    }

    /// All that the nodes have written, each node's lines as one text.
    pub fn logs(&self) -> Vec<String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Log::text).collect()
    }

    async fn start_again(&self, place: usize) {
        *self.places[place].node.lock().await = Some(self.started(place).await);
    }

    async fn started(&self, place: usize) -> Node {
        let node = self.places[place].setup.start().await;
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(node.log.clone());
        self.doors()[place] = Some(Doors { clients: node.clients, services: node.services });
        node
    }

    fn doors(&self) -> std::sync::MutexGuard<'_, Vec<Option<Doors>>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the node is not ready, if it does not become so.
async fn unready(door: &Services) -> Option<String> {
    let begun = Instant::now();
    loop {
        let answer = door.get("/readyz").await;
        if answer.status == 200 {
            return None;
        }
        if begun.elapsed() > PATIENCE {
            return Some(format!("not ready after {PATIENCE:?}: {} {}", answer.status, answer.text));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Everything that takes its time in production takes little here, so that a run sees much of it.
fn setup(url: &str, settings: &[(&str, String)]) -> Setup {
    let setup = Setup::serve_at(url)
        .set("clients.heartbeat", "3s")
        .set("clients.write_timeout", "3s")
        .set("clients.outbox_bytes", "32768")
        .set("clients.expiring_notice", "2s")
        .set("auth.leeway", "0s")
        .set("bus.log_events", &super::LOG_EVENTS.to_string())
        .set("bus.linger", "1s")
        .set("drain.notice", "300ms")
        .set("drain.window", "2s")
        .set("drain.deadline", "6s");
    settings.iter().fold(setup, |setup, (key, value)| setup.set(key, value))
}
