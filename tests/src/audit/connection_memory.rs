//! The memory run. It measures what one authenticated connection costs a node on the Redis bus.
//! Each connection has its own user.

use std::fmt;
use std::time::Duration;

use super::load_clients::{LoadClients, event};
use crate::TIMEOUT;
use crate::client::Client;
use crate::memory::pss;
use crate::node::Setup;
use crate::redis::Redis;
use crate::token::Issuer;

/// The figures of a run.
#[derive(Debug)]
pub struct Report {
    /// Open connections.
    pub connections: u32,
    /// Memory of the node before the first connection, in bytes.
    pub before: u64,
    /// Memory of one idle connection, in bytes.
    pub connected: u64,
    /// Memory of one connection after an event and a heartbeat, in bytes.
    pub used: u64,
    /// Connections that ended during the run.
    pub lost: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "connections                        {:>8}", self.connections)?;
        writeln!(f, "node before connections, KiB       {:>8}", self.before / 1024)?;
        writeln!(f, "bytes per connection, idle         {:>8}", self.connected)?;
        writeln!(f, "bytes per connection, used         {:>8}", self.used)?;
        write!(f, "lost                               {:>8}", self.lost)
    }
}

/// Runs the measurement on its own servers.
pub async fn run(connections: u32) -> Report {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("clients.heartbeat", "10s").start().await;
    // What the node loads for its very first connection is not the cost of a connection.
    Client::connect(node.clients, &Issuer::default().token("first")).await.close().await;
    let before = stable_pss(node.pid()).await;
    let each = |now: u64| now.saturating_sub(before) / u64::from(connections);

    let targets: Vec<_> = (0..connections).map(|user| (user, node.clients)).collect();
    let clients = LoadClients::connect(&targets).await;
    let connected = each(stable_pss(node.pid()).await);

    let api = node.api();
    let all: Vec<_> = (0..connections).map(|user| event(user, user)).collect();
    for batch in all.chunks(500) {
        api.publish_accepted(&serde_json::json!(batch)).await;
    }
    clients.wait_for_events(u64::from(connections)).await;
    let pings_before = clients.pings();
    let enough = || async { clients.pings() >= pings_before + u64::from(connections) };
    crate::eventually("each client is pinged", enough).await;
    let used = each(stable_pss(node.pid()).await);

    let lost = clients.lost();
    drop(clients.stop().await);
    Report { connections, before, connected, used, lost }
}

/// Waits until the memory of a process is stable, and returns it.
async fn stable_pss(pid: u32) -> u64 {
    let started = std::time::Instant::now();
    let mut last = pss(pid);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = pss(pid);
        if now.abs_diff(last) < last / 100 || started.elapsed() > TIMEOUT {
            return now;
        }
        last = now;
    }
}
