//! A primary, a replica, and three sentinels that agree on failovers.

use redis::RedisResult;

use super::{DURABLE, Redis};
use crate::eventually;

/// The service name of the pair at the sentinels.
const SERVICE: &str = "wirebell";

/// The servers and their sentinels. All are stopped when the value is dropped.
pub struct Sentinels {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinels {
    /// Starts all five, and waits until every sentinel knows the replica and the other sentinels.
    pub async fn start() -> Self {
        Self::start_with("", &[], &[], "1000").await
    }

    /// Starts servers that keep their data after a crash. A primary that is only slow, or that
    /// restarts at once, stays the primary.
    pub async fn start_durable() -> Self {
        Self::start_with("", &[], &DURABLE, "3000").await
    }

    /// Starts servers and sentinels with different passwords.
    pub async fn start_with_passwords(servers: &str, sentinels: &str) -> Self {
        let sentinel_options = ["--requirepass", sentinels, "--sentinel", "sentinel-pass", sentinels];
        Self::start_with(servers, &sentinel_options, &[], "1000").await
    }

    async fn start_with(password: &str, sentinel: &[&str], more: &[&str], down_after: &str) -> Self {
        let rest = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
        let secret = ["--requirepass", password, "--masterauth", password];
        let options = [&rest[..], if password.is_empty() { &[] } else { &secret }, more].concat();
        let primary = Redis::start_with(&options).await;
        let port = primary.port().to_string();
        let replica = Redis::start_with(&[&options[..], &["--replicaof", "127.0.0.1", &port]].concat()).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Self::sentinel(&port, password, sentinel, down_after).await);
        }
        let pair = Self { servers: vec![primary, replica], sentinels };
        for sentinel in &pair.sentinels {
            eventually("a sentinel knows all others", || knows_all(sentinel)).await;
        }
        pair
    }

    async fn sentinel(port: &str, password: &str, options: &[&str], down_after: &str) -> Redis {
        let sentinel = Redis::start_with(&[&["--sentinel"], options].concat()).await;
        let set = |option, value| ["SENTINEL", "SET", SERVICE, option, value];
        for command in [
            ["SENTINEL", "MONITOR", SERVICE, "127.0.0.1", port, "2"].as_slice(),
            &set("down-after-milliseconds", down_after),
            &set("failover-timeout", "5000"),
            // An empty password means none.
            &set("auth-pass", password),
        ] {
            sentinel.query::<()>(command).await.expect("the sentinel accepts the command");
        }
        sentinel
    }

    /// Returns the URL.
    pub fn url(&self) -> String {
        let nodes: Vec<String> =
            self.sentinels[1..].iter().map(|it| format!("&node=127.0.0.1:{}", it.port())).collect();
        let (user, first) = (self.servers[0].userinfo(), &self.sentinels[0]);
        let secret = first.userinfo();
        let secret = secret.trim_matches([':', '@']);
        let secret = if secret.is_empty() { String::new() } else { format!("&sentinelPassword={secret}") };
        let port = first.port();
        format!("redis-sentinel://{user}127.0.0.1:{port}?sentinelServiceName={SERVICE}{}{secret}", nodes.concat())
    }

    /// Swaps the roles of primary and replica, both alive.
    pub async fn swap_roles(&self) {
        self.sentinels[0].query::<()>(&["SENTINEL", "FAILOVER", SERVICE]).await.expect("a failover begins");
    }

    /// Swaps the roles as [`Self::swap_roles`] does. Returns an error if the sentinels refuse now.
    pub async fn try_swap_roles(&self) -> RedisResult<()> {
        self.sentinels[0].query(&["SENTINEL", "FAILOVER", SERVICE]).await
    }

    /// Returns the primary and the replica, in no fixed order.
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// Returns the index of the server that the sentinels name as primary.
    pub async fn primary_index(&self) -> usize {
        let address = self.sentinels[0].query(&["SENTINEL", "get-master-addr-by-name", SERVICE]).await;
        let (_, port): (String, u16) = address.expect("the sentinel knows the service");
        self.servers.iter().position(|server| server.port() == port).expect("one of ours")
    }

    /// Kills a server.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].kill();
    }

    /// Restarts a server: as the primary, or as a replica of the server at another index.
    pub async fn restart(&mut self, index: usize, replica_of: Option<usize>) {
        let port = replica_of.map(|primary| self.servers[primary].port());
        self.servers[index].set_primary(port);
        self.servers[index].restart().await;
    }

    /// Returns the server that the sentinels name as primary.
    pub async fn primary(&mut self) -> &mut Redis {
        let index = self.primary_index().await;
        &mut self.servers[index]
    }
}

async fn knows_all(sentinel: &Redis) -> bool {
    let info: String = sentinel.query(&["INFO", "sentinel"]).await.unwrap_or_default();
    info.contains("status=ok") && info.contains("slaves=1,sentinels=3")
}
