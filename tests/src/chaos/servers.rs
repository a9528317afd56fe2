//! The Redis of a run, in one of three topologies, and what is done to it. Each fault says whether it took index: a
//! failover that Redis itself refuses just then is none.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{RwLock, RwLockWriteGuard};

use crate::redis::{Cluster, Member, Redis, Sentinels};

/// How long a failover may take until everybody is in its new role.
const FAILOVER: Duration = Duration::from_secs(25);

/// How the servers are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Topology {
    /// One server.
    Standalone,
    /// A primary and a replica, and three sentinels.
    Sentinel,
    /// Three primaries, each with a replica.
    Cluster,
}

impl Topology {
    /// Is there another server that has what a primary has?
    pub fn has_replicas(self) -> bool {
        self != Self::Standalone
    }

    /// Its name, as the command line and the table have it.
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

/// Did the fault take index?
pub type FaultResult = Result<(), String>;

impl Servers {
    /// Starts them, each with its AOF written through; or, on purpose, one that has nothing after a crash.
    pub async fn start(topology: Topology, without_persistence: bool) -> Self {
        match topology {
            Topology::Standalone if without_persistence => Self::Standalone(Redis::start().await),
            Topology::Standalone => Self::Standalone(Redis::start_durable().await),
            Topology::Sentinel => Self::Sentinel(Sentinels::start_durable().await),
            Topology::Cluster => Self::Cluster(Cluster::start_durable().await),
        }
    }

    /// For nodes and publishers.
    pub fn url(&self) -> String {
        match self {
            Self::Standalone(redis) => redis.url(),
            Self::Sentinel(sentinels) => sentinels.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// All that hold data.
    pub fn all(&self) -> &[Redis] {
        match self {
            Self::Standalone(redis) => std::slice::from_ref(redis),
            Self::Sentinel(sentinels) => sentinels.servers(),
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }

    /// All entries of a Stream, each with its fields; none if it cannot be read just now.
    pub async fn stream(&self, key: &str) -> Option<Vec<HashMap<String, String>>> {
        let server = &self.all()[self.primary(key).await.ok()?];
        let entries: Vec<(String, HashMap<String, String>)> =
            server.query(&["XRANGE", key, "-", "+"]).await.ok()?;
        Some(entries.into_iter().map(|(_, fields)| fields).collect())
    }

    /// A primary crashes and is back before anybody takes over from it.
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

    /// A primary stands still for a while, too short for anybody to take over.
    pub async fn freeze(&self, key: &str, duration: Duration) -> FaultResult {
        let frozen = &self.all()[self.primary(key).await?];
        frozen.signal("STOP");
        tokio::time::sleep(duration).await;
        frozen.signal("CONT");
        Ok(())
    }

    /// Every server cuts its connections of this type.
    pub async fn cut(&self, kind: &str) -> FaultResult {
        for server in self.all() {
            server.query::<u64>(&["CLIENT", "KILL", "TYPE", kind]).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// How much may wait for a connection that listens, at every server.
    pub async fn limit(&self, limit: &str) -> FaultResult {
        for server in self.all() {
            let words = ["CONFIG", "SET", "client-output-buffer-limit", limit];
            server.query::<()>(&words).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A primary crashes, its replica takes over, and the old one comes back as a replica. With a gate, nothing is
    /// published until the crash that only the primary has: without `durability: "replicated"`, what is confirmed in
    /// that moment is not promised to survive.
    pub async fn fail_over(&mut self, key: &str, away: Duration, gate: Option<&RwLock<()>>) -> FaultResult {
        let index = self.primary(key).await?;
        let closed = closed(gate).await;
        if !self.all()[index].wait_for_replica().await {
            return Err("no replica has caught up".to_owned());
        }
        self.kill(index);
        drop(closed);
        let promoted = self.promoted(index, key).await?;
        tokio::time::sleep(away).await;
        match self {
            Self::Standalone(_) => return Err("there is no replica".to_owned()),
            Self::Sentinel(sentinels) => sentinels.restart(index, Some(promoted)).await,
            Self::Cluster(cluster) => cluster.restart(index).await,
        }
        self.until("the old primary is a replica", async |servers| servers.all()[index].is_replica().await).await
    }

    /// A primary and its replica change their roles, both alive.
    pub async fn swap_roles(&self, key: &str, gate: Option<&RwLock<()>>) -> FaultResult {
        let old = self.primary(key).await?;
        // A Cluster holds publishers back by itself until the replica has everything; sentinels do not.
        let _closed = match self {
            Self::Sentinel(_) => closed(gate).await,
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
                let words = ["CLUSTER", "FAILOVER"];
                cluster.nodes()[replica.index].query::<()>(&words).await.map_err(|error| error.to_string())?;
            }
        }
        self.promoted(old, key).await?;
        self.until("the old primary is a replica", async |servers| servers.all()[old].is_replica().await).await
    }

    /// The slot of a key moves to another primary.
    pub async fn migrate(&self, key: &str) -> FaultResult {
        let Self::Cluster(cluster) = self else { return Err("there are no slots".to_owned()) };
        let slot = slot(cluster, key).await?;
        let source = cluster.primary_of(slot).await.ok_or("nobody has the slot")?;
        let mut target = None;
        for other in cluster.members().await {
            // A server that has just changed its role may still be shown as what it was.
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

    /// The index of the primary that has the key.
    async fn primary(&self, key: &str) -> Result<usize, String> {
        match self {
            Self::Standalone(_) => Ok(0),
            Self::Sentinel(sentinels) => Ok(sentinels.primary_index().await),
            Self::Cluster(cluster) => {
                let slot = slot(cluster, key).await?;
                cluster.primary_of(slot).await.map(|it| it.index).ok_or_else(|| "nobody has the slot".to_owned())
            }
        }
    }

    /// Waits until another server than this one is the primary of the key, and gives its index.
    async fn promoted(&self, old: usize, key: &str) -> Result<usize, String> {
        let other = async |servers: &Self| match servers.primary(key).await {
            Ok(index) => index != old && servers.all()[index].is_primary().await,
            Err(_) => false,
        };
        self.until("a replica is promoted", other).await?;
        self.primary(key).await
    }

    async fn until(&self, what: &str, ready: impl AsyncFn(&Self) -> bool) -> FaultResult {
        let begun = Instant::now();
        while begun.elapsed() < FAILOVER {
            if ready(self).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("waited in vain: {what}"))
    }
}

async fn closed(gate: Option<&RwLock<()>>) -> Option<RwLockWriteGuard<'_, ()>> {
    match gate {
        Some(gate) => Some(gate.write().await),
        None => None,
    }
}

async fn slot(cluster: &Cluster, key: &str) -> Result<u16, String> {
    let asked = cluster.nodes().iter().position(Redis::is_running).ok_or("no server runs")?;
    Ok(cluster.slot_via(key, asked).await)
}

async fn replica(cluster: &Cluster, key: &str) -> Result<Member, String> {
    let slot = slot(cluster, key).await?;
    let primary = cluster.primary_of(slot).await.ok_or("nobody has the slot")?;
    cluster.replica_of(&primary).await.ok_or_else(|| "the primary has no replica".to_owned())
}
