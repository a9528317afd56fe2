//! The Redis of a run in one of three topologies, and its faults. Each fault returns whether it
//! took place: Redis itself may refuse a failover.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockWriteGuard};

use crate::redis::{Cluster, Member, Redis, Sentinels};

/// Time limit for a failover until all servers have their new roles.
const FAILOVER: Duration = Duration::from_secs(25);

/// How the servers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Topology {
    /// One server.
    Standalone,
    /// A primary, a replica and three sentinels.
    Sentinel,
    /// Three primaries, each with a replica.
    Cluster,
}

impl Topology {
    /// Returns whether each primary has a replica.
    pub fn has_replicas(self) -> bool {
        self != Self::Standalone
    }

    /// Returns the name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Sentinel => "sentinel",
            Self::Cluster => "cluster",
        }
    }
}

/// The servers.
pub enum Servers {
    /// See [`Topology::Standalone`].
    Standalone(Redis),
    /// See [`Topology::Sentinel`].
    Sentinel(Sentinels),
    /// See [`Topology::Cluster`].
    Cluster(Cluster),
}

/// Whether a fault took place, or why not.
pub type FaultResult = Result<(), String>;

impl Servers {
    /// Starts the servers with an AOF that is written on every command. Without persistence, a
    /// single server that loses everything in a crash.
    pub async fn start(topology: Topology, without_persistence: bool) -> Self {
        match topology {
            Topology::Standalone if without_persistence => Self::Standalone(Redis::start().await),
            Topology::Standalone => Self::Standalone(Redis::start_durable().await),
            Topology::Sentinel => Self::Sentinel(Sentinels::start_durable().await),
            Topology::Cluster => Self::Cluster(Cluster::start_durable().await),
        }
    }

    /// Returns the URL for nodes and publishers.
    pub fn url(&self) -> String {
        match self {
            Self::Standalone(redis) => redis.url(),
            Self::Sentinel(sentinels) => sentinels.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// Returns all servers that hold data.
    pub fn all(&self) -> &[Redis] {
        match self {
            Self::Standalone(redis) => std::slice::from_ref(redis),
            Self::Sentinel(sentinels) => sentinels.servers(),
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }

    /// Returns all entries of a Stream with their fields; `None` if it cannot be read now.
    pub async fn stream(&self, key: &str) -> Option<Vec<HashMap<String, String>>> {
        let server = &self.all()[self.primary(key).await.ok()?];
        let entries: Vec<(String, HashMap<String, String>)> =
            server.query(&["XRANGE", key, "-", "+"]).await.ok()?;
        Some(entries.into_iter().map(|(_, fields)| fields).collect())
    }

    /// Kills a primary and restarts it before its replica takes over.
    pub async fn crash(&mut self, key: &str, away: Duration) -> FaultResult {
        let index = self.primary(key).await?;
        self.kill(index);
        tokio::time::sleep(away).await;
        match self {
            Self::Standalone(redis) => redis.restart().await,
            Self::Sentinel(sentinels) => sentinels.restart(index, None).await,
            Self::Cluster(cluster) => cluster.restart(index).await,
        }
        Ok(())
    }

    /// Freezes a primary for a time that is too short for a failover.
    pub async fn freeze(&self, key: &str, duration: Duration) -> FaultResult {
        let frozen = &self.all()[self.primary(key).await?];
        frozen.signal("STOP");
        tokio::time::sleep(duration).await;
        frozen.signal("CONT");
        Ok(())
    }

    /// Cuts all connections of this type on every server.
    pub async fn cut(&self, kind: &str) -> FaultResult {
        for server in self.all() {
            server.query::<u64>(&["CLIENT", "KILL", "TYPE", kind]).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Sets the output buffer limit of pub/sub connections on every server.
    pub async fn limit(&self, limit: &str) -> FaultResult {
        for server in self.all() {
            let command = ["CONFIG", "SET", "client-output-buffer-limit", limit];
            server.query::<()>(&command).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Kills a primary, waits until its replica takes over, and restarts the old primary as a
    /// replica. With a gate, publishers pause until the crash. Without `durability: "replicated"`,
    /// an event that is confirmed at that moment may be lost.
    pub async fn fail_over(&mut self, key: &str, away: Duration, gate: Option<&RwLock<()>>) -> FaultResult {
        let index = self.primary(key).await?;
        let guard = close_gate(gate).await;
        if !self.all()[index].wait_for_replica().await {
            return Err("no replica has caught up".to_owned());
        }
        self.kill(index);
        drop(guard);
        let promoted = self.promoted(index, key).await?;
        tokio::time::sleep(away).await;
        match self {
            Self::Standalone(_) => return Err("there is no replica".to_owned()),
            Self::Sentinel(sentinels) => sentinels.restart(index, Some(promoted)).await,
            Self::Cluster(cluster) => cluster.restart(index).await,
        }
        self.wait_until("the old primary is a replica", async |servers| servers.all()[index].is_replica().await)
            .await
    }

    /// Swaps the roles of a primary and its replica, both alive.
    pub async fn swap_roles(&self, key: &str, gate: Option<&RwLock<()>>) -> FaultResult {
        let old = self.primary(key).await?;
        // A Cluster pauses publishers by itself until the replica has everything; sentinels do not.
        let _closed = match self {
            Self::Sentinel(_) => close_gate(gate).await,
            Self::Standalone(_) | Self::Cluster(_) => None,
        };
        if !self.all()[old].wait_for_replica().await {
            return Err("no replica has caught up".to_owned());
        }
        match self {
            Self::Standalone(_) => return Err("there is no replica".to_owned()),
            Self::Sentinel(sentinels) => sentinels.try_swap_roles().await.map_err(|error| error.to_string())?,
            Self::Cluster(cluster) => {
                let replica = replica(cluster, key).await?;
                let command = ["CLUSTER", "FAILOVER"];
                cluster.nodes()[replica.index].query::<()>(&command).await.map_err(|error| error.to_string())?;
            }
        }
        self.promoted(old, key).await?;
        self.wait_until("the old primary is a replica", async |servers| servers.all()[old].is_replica().await).await
    }

    /// Moves the slot of a key to another primary.
    pub async fn migrate(&self, key: &str) -> FaultResult {
        let Self::Cluster(cluster) = self else { return Err("there are no slots".to_owned()) };
        let slot = slot(cluster, key).await?;
        let source = cluster.primary_of(slot).await.ok_or("the slot has no primary")?;
        let mut target = None;
        for other in cluster.members().await {
            // `CLUSTER NODES` may still show the old role of a server that has just changed it.
            let is_other = other.primary.is_none() && !other.failed && other.id != source.id;
            if is_other && cluster.nodes()[other.index].is_primary().await {
                target = Some(other);
            }
        }
        let target = target.ok_or("there is no other primary")?;
        cluster.move_slot(slot, &source, &target).await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn kill(&mut self, index: usize) {
        match self {
            Self::Standalone(redis) => redis.kill(),
            Self::Sentinel(sentinels) => sentinels.kill(index),
            Self::Cluster(cluster) => cluster.kill(index),
        }
    }

    /// Returns the index of the primary that has the key.
    async fn primary(&self, key: &str) -> Result<usize, String> {
        match self {
            Self::Standalone(_) => Ok(0),
            Self::Sentinel(sentinels) => Ok(sentinels.primary_index().await),
            Self::Cluster(cluster) => {
                let slot = slot(cluster, key).await?;
                cluster
                    .primary_of(slot)
                    .await
                    .map(|it| it.index)
                    .ok_or_else(|| "the slot has no primary".to_owned())
            }
        }
    }

    /// Waits until another server is the primary of the key, and returns its index.
    async fn promoted(&self, old: usize, key: &str) -> Result<usize, String> {
        let other = async |servers: &Self| match servers.primary(key).await {
            Ok(index) => index != old && servers.all()[index].is_primary().await,
            Err(_) => false,
        };
        self.wait_until("a replica is promoted", other).await?;
        self.primary(key).await
    }

    async fn wait_until(&self, what: &str, ready: impl AsyncFn(&Self) -> bool) -> FaultResult {
        let started = Instant::now();
        while started.elapsed() < FAILOVER {
            if ready(self).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("timed out after {FAILOVER:?} waiting until {what}"))
    }
}

async fn close_gate(gate: Option<&RwLock<()>>) -> Option<RwLockWriteGuard<'_, ()>> {
    match gate {
        Some(gate) => Some(gate.write().await),
        None => None,
    }
}

async fn slot(cluster: &Cluster, key: &str) -> Result<u16, String> {
    let via = cluster.nodes().iter().position(Redis::is_running).ok_or("no server runs")?;
    Ok(cluster.slot_via(key, via).await)
}

async fn replica(cluster: &Cluster, key: &str) -> Result<Member, String> {
    let slot = slot(cluster, key).await?;
    let primary = cluster.primary_of(slot).await.ok_or("the slot has no primary")?;
    cluster.replica_of(&primary).await.ok_or_else(|| "the primary has no replica".to_owned())
}
