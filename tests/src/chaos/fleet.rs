//! The nodes of a run. They are killed, stopped, frozen and restarted, each on its own link to
//! Redis.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::TIMEOUT;
use crate::log::Log;
use crate::node::{Node, Setup};
use crate::proxy::{LinkState, Proxy};
use crate::server_api::ServerApi;

/// Delay until the balancer notices that a node is gone.
const BALANCER_DELAY: Duration = Duration::from_millis(300);

/// The nodes, and what a balancer knows about them.
pub struct Fleet {
    slots: Vec<NodeSlot>,
    addresses: Mutex<Vec<Option<NodeAddresses>>>,
    logs: Mutex<Vec<Log>>,
}

struct NodeSlot {
    setup: Setup,
    proxy: Option<Proxy>,
    node: tokio::sync::Mutex<Option<Node>>,
}

/// The two addresses of a node.
#[derive(Debug, Clone, Copy)]
pub struct NodeAddresses {
    /// Address of the client API.
    pub clients: SocketAddr,
    /// Address of the server API.
    pub services: SocketAddr,
}

impl Fleet {
    /// Starts this many nodes on the Redis at this URL. If `proxied` is an address, each node
    /// reaches it through its own proxy.
    pub async fn start(count: usize, url: &str, proxied: Option<SocketAddr>, settings: &[(&str, String)]) -> Self {
        let mut slots = Vec::new();
        for _ in 0..count {
            let proxy = match proxied {
                Some(redis) => Some(Proxy::start(redis).await),
                None => None,
            };
            let url = proxy.as_ref().map_or_else(|| url.to_owned(), |it| format!("redis://{}", it.address()));
            slots.push(NodeSlot { setup: setup(&url, settings), proxy, node: tokio::sync::Mutex::new(None) });
        }
        let fleet = Self { slots, addresses: Mutex::new(vec![None; count]), logs: Mutex::default() };
        for index in 0..count {
            fleet.start_node(index).await;
        }
        fleet
    }

    /// Returns the number of nodes when all are running.
    pub fn size(&self) -> usize {
        self.slots.len()
    }

    /// Returns a random node of those that the balancer considers alive.
    pub fn pick(&self) -> Option<NodeAddresses> {
        let running: Vec<NodeAddresses> = self.addresses().iter().flatten().copied().collect();
        fastrand::choice(running)
    }

    /// Kills a node and restarts it after a delay.
    pub async fn kill(&self, index: usize, away: Duration) {
        let mut node = self.slots[index].node.lock().await;
        drop(node.take());
        tokio::time::sleep(BALANCER_DELAY).await;
        self.addresses()[index] = None;
        tokio::time::sleep(away).await;
        *node = Some(self.spawn(index).await);
    }

    /// Stops a node as an orchestrator does, and restarts it.
    pub async fn terminate(&self, index: usize) {
        let mut node = self.slots[index].node.lock().await;
        if let Some(mut node) = node.take() {
            node.terminate();
            tokio::time::sleep(BALANCER_DELAY).await;
            self.addresses()[index] = None;
            node.ended().await;
        }
        *node = Some(self.spawn(index).await);
    }

    /// Freezes a node for a while, like a virtual machine that migrates.
    pub async fn freeze(&self, index: usize, duration: Duration) {
        let node = self.slots[index].node.lock().await;
        if let Some(node) = node.as_ref() {
            node.signal("STOP");
            tokio::time::sleep(duration).await;
            node.signal("CONT");
        }
    }

    /// Changes the state of a node's link to Redis for a while.
    pub async fn link(&self, index: usize, link: LinkState, duration: Duration) {
        if let Some(proxy) = &self.slots[index].proxy {
            proxy.set(link);
            tokio::time::sleep(duration).await;
            proxy.set(LinkState::Open);
        }
    }

    /// Waits until every node is ready. Returns a problem for each node that does not run or does
    /// not become ready.
    pub async fn all_ready(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (number, slot) in self.slots.iter().enumerate() {
            let mut node = slot.node.lock().await;
            let runs = node.as_mut().is_some_and(Node::is_running);
            match node.as_ref().filter(|_| runs) {
                Some(node) => {
                    let unready = unready(&node.api()).await;
                    problems.extend(unready.map(|why| format!("node {number} ({}): {why}", node.services)));
                }
                None => problems.push(format!("node {number} exited unexpectedly")),
            }
        }
        problems
    }

    /// Returns the logs of all nodes, one text per node.
    pub fn logs(&self) -> Vec<String> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Log::text).collect()
    }

    async fn start_node(&self, index: usize) {
        *self.slots[index].node.lock().await = Some(self.spawn(index).await);
    }

    async fn spawn(&self, index: usize) -> Node {
        let node = self.slots[index].setup.start().await;
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(node.log.clone());
        self.addresses()[index] = Some(NodeAddresses { clients: node.clients, services: node.services });
        node
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, Vec<Option<NodeAddresses>>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns why the node is not ready, if it does not become ready in time.
async fn unready(api: &ServerApi) -> Option<String> {
    let started_at = Instant::now();
    loop {
        let response = api.get("/readyz").await;
        if response.status == 200 {
            return None;
        }
        if started_at.elapsed() > TIMEOUT {
            return Some(format!("not ready after {TIMEOUT:?}: {} {}", response.status, response.text));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Shortens everything that takes long in production, because a run is short.
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
