//! A primary, a replica, and three sentinels that agree when the primary is gone.

use super::Redis;
use crate::eventually;

/// The name by which the sentinels know the pair.
const SERVICE: &str = "wirebell";

/// The servers and their sentinels. All are stopped when the value is dropped.
pub struct Sentinels {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinels {
    /// Starts all five, and waits until every sentinel knows the replica and the other sentinels.
    pub async fn start() -> Self {
        let options = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
        let primary = Redis::start_with(&options).await;
        let port = primary.port().to_string();
        let replica = Redis::start_with(&[&options[..], &["--replicaof", "127.0.0.1", &port]].concat()).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Self::sentinel(&port).await);
        }
        let pair = Self { servers: vec![primary, replica], sentinels };
        for sentinel in &pair.sentinels {
            eventually("a sentinel knows all the others", || knows_all(sentinel)).await;
        }
        pair
    }

    async fn sentinel(port: &str) -> Redis {
        let sentinel = Redis::start_with(&["--sentinel"]).await;
        let set = |option, value| ["SENTINEL", "SET", SERVICE, option, value];
        for words in [
            ["SENTINEL", "MONITOR", SERVICE, "127.0.0.1", port, "2"].as_slice(),
            &set("down-after-milliseconds", "1000"),
            &set("failover-timeout", "5000"),
        ] {
            sentinel.ask::<()>(words).await.expect("the sentinel takes it");
        }
        sentinel
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let nodes: Vec<String> =
            self.sentinels[1..].iter().map(|it| format!("&node=127.0.0.1:{}", it.port())).collect();
        let first = self.sentinels[0].port();
        format!("redis-sentinel://127.0.0.1:{first}?sentinelServiceName={SERVICE}{}", nodes.concat())
    }

    /// Makes the replica the primary and the other way round, both alive.
    pub async fn exchange(&self) {
        self.sentinels[0].ask::<()>(&["SENTINEL", "FAILOVER", SERVICE]).await.expect("a failover begins");
    }

    /// The server that the sentinels name.
    pub async fn primary(&mut self) -> &mut Redis {
        let asked = self.sentinels[0].ask(&["SENTINEL", "get-master-addr-by-name", SERVICE]).await;
        let (_, port): (String, u16) = asked.expect("the sentinel knows the service");
        self.servers.iter_mut().find(|server| server.port() == port).expect("one of ours")
    }
}

async fn knows_all(sentinel: &Redis) -> bool {
    let info: String = sentinel.ask(&["INFO", "sentinel"]).await.unwrap_or_default();
    info.contains("status=ok") && info.contains("slaves=1,sentinels=3")
}
