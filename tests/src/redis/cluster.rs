//! A Redis Cluster: primaries that share the slots, with or without replicas.

use redis::Value;

use super::{DURABLE, Redis, free_port};
use crate::eventually;

const SLOTS: usize = 16_384;

/// The servers of a Cluster. All are stopped when the value is dropped.
pub struct Cluster {
    nodes: Vec<Redis>,
    primaries: usize,
}

impl Cluster {
    /// Starts three primaries.
    pub async fn start() -> Self {
        Self::start_with(3, 0, "15000", &[]).await
    }

    /// Starts three primaries with a password.
    pub async fn start_with_password(password: &str) -> Self {
        Self::start_with(3, 0, "15000", &["--requirepass", password]).await
    }

    /// Starts three primaries, each with a replica that takes over soon.
    pub async fn start_with_replicas() -> Self {
        Self::start_with(3, 1, "1000", &[]).await
    }

    /// Starts three primaries with replicas. Each server keeps its data after a crash and waits
    /// before it takes over. A primary that is only slow, or that restarts at once, stays the
    /// primary.
    pub async fn start_durable() -> Self {
        Self::start_with(3, 1, "3000", &DURABLE).await
    }

    /// Starts the servers and waits until each reports a healthy Cluster.
    async fn start_with(primaries: usize, replicas: usize, timeout: &str, options: &[&str]) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..primaries * (1 + replicas) {
            nodes.push(node(timeout, options).await);
        }
        let cluster = Self { nodes, primaries };
        cluster.assign_slots().await;
        for node in &cluster.nodes {
            eventually("a server knows all others", || async { cluster.is_known_to(node).await }).await;
        }
        for (index, node) in cluster.nodes.iter().enumerate().skip(primaries) {
            let primary = cluster.id(&cluster.nodes[index % primaries]).await;
            node.query::<()>(&["CLUSTER", "REPLICATE", &primary]).await.expect("the server becomes a replica");
        }
        for node in &cluster.nodes {
            eventually("a server is ready", || is_ready(node)).await;
        }
        cluster
    }

    async fn assign_slots(&self) {
        let bounds: Vec<usize> = (0..=self.primaries).map(|index| index * SLOTS / self.primaries).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            let epoch = (index + 1).to_string();
            node.query::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await.expect("a new node");
            if index < self.primaries {
                let (first, last) = (bounds[index].to_string(), (bounds[index + 1] - 1).to_string());
                node.query::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await.expect("free slots");
            }
            let gossip: Vec<String> =
                node.query(&["CONFIG", "GET", "cluster-port"]).await.expect("the gossip port");
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string(), &gossip[1]].map(str::to_owned);
            let meet: Vec<&str> = meet.iter().map(String::as_str).collect();
            self.nodes[0].query::<()>(&meet).await.expect("a handshake");
        }
    }

    async fn is_known_to(&self, node: &Redis) -> bool {
        let list: String = node.query(&["CLUSTER", "NODES"]).await.unwrap_or_default();
        let known = list.lines().filter(|line| line.contains(" connected") && !line.contains("handshake")).count();
        known == self.nodes.len()
    }

    /// Returns the URL of the Cluster.
    pub fn url(&self) -> String {
        let others: Vec<String> =
            self.nodes[1..].iter().map(|it| format!("node=127.0.0.1:{}", it.port())).collect();
        let first = &self.nodes[0];
        format!("redis-cluster://{}127.0.0.1:{}?{}", first.userinfo(), first.port(), others.join("&"))
    }

    /// Returns all servers.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Returns the index of the server that has the slot, as the server at `via` sees it.
    pub async fn owner(&self, slot: u16, via: usize) -> usize {
        let rows: Vec<Vec<Value>> = self.nodes[via].query(&["CLUSTER", "SLOTS"]).await.expect("the slots");
        let slot = i64::from(slot);
        let holds = |row: &&Vec<Value>| match (&row[0], &row[1]) {
            (Value::Int(first), Value::Int(last)) => (*first..=*last).contains(&slot),
            _ => false,
        };
        let row = rows.iter().find(holds).expect("the slot has an owner");
        let Value::Array(primary) = &row[2] else { panic!("{row:?}") };
        let Value::Int(port) = primary[1] else { panic!("{row:?}") };
        self.nodes.iter().position(|node| i64::from(node.port()) == port).expect("one of ours")
    }

    /// Returns the slot of a key.
    pub async fn slot(&self, key: &str) -> u16 {
        self.slot_via(key, 0).await
    }

    /// Returns the slot of a key, asking the server at `via`. The first server may be down.
    pub async fn slot_via(&self, key: &str, via: usize) -> u16 {
        self.nodes[via].query(&["CLUSTER", "KEYSLOT", key]).await.expect("a slot")
    }

    /// Kills a server.
    pub fn kill(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// Restarts a server. The others decide its role.
    pub async fn restart(&mut self, index: usize) {
        self.nodes[index].restart().await;
    }

    /// Swaps the roles of the slot's primary and its replica, both alive.
    pub async fn swap_roles(&self, slot: u16) {
        let replica = self.owner(slot, 0).await + self.primaries;
        self.nodes[replica].query::<()>(&["CLUSTER", "FAILOVER"]).await.expect("a failover begins");
    }

    /// Moves a slot with all its keys to another primary, as `redis-cli --cluster reshard` does.
    /// Returns the index of the target.
    pub async fn migrate(&self, slot: u16) -> usize {
        let from = self.owner(slot, 0).await;
        let to = (from + 1) % self.primaries;
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let (source_id, target_id) = (self.id(source).await, self.id(target).await);
        let (slot, port) = (slot.to_string(), target.port().to_string());
        let accepted = "the server accepts the command";
        target.query::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]).await.expect(accepted);
        source.query::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]).await.expect(accepted);
        let keys: Vec<String> =
            source.query(&["CLUSTER", "GETKEYSINSLOT", &slot, "10000"]).await.expect("its keys");
        let moved = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
        let command: Vec<&str> = moved.into_iter().chain(keys.iter().map(String::as_str)).collect();
        source.query::<()>(&command).await.expect("the keys move");
        for node in [target, source] {
            node.query::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]).await.expect(accepted);
        }
        to
    }

    async fn id(&self, node: &Redis) -> String {
        node.query(&["CLUSTER", "MYID"]).await.expect("its id")
    }
}

async fn node(timeout: &str, options: &[&str]) -> Redis {
    let gossip = free_port().to_string();
    let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", timeout, "--cluster-port", &gossip];
    let rest = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
    Redis::start_with(&[&cluster[..], &rest[..], options].concat()).await
}

async fn is_ready(node: &Redis) -> bool {
    let info: String = node.query(&["CLUSTER", "INFO"]).await.unwrap_or_default();
    let role: Vec<Value> = node.query(&["ROLE"]).await.unwrap_or_default();
    let connected = Value::BulkString(b"connected".to_vec());
    let is_primary = role.first() == Some(&Value::BulkString(b"master".to_vec()));
    info.contains("cluster_state:ok") && (is_primary || role.get(3) == Some(&connected))
}
