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
        Self::start_with("", &[]).await
    }

    /// The same, where the servers want a password and the sentinels another.
    pub async fn start_with_passwords(servers: &str, sentinels: &str) -> Self {
        let words = ["--requirepass", sentinels, "--sentinel", "sentinel-pass", sentinels];
        Self::start_with(servers, &words).await
    }

    async fn start_with(password: &str, sentinel: &[&str]) -> Self {
        let rest = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
        let secret = ["--requirepass", password, "--masterauth", password];
        let options = [&rest[..], if password.is_empty() { &[] } else { &secret }].concat();
        let primary = Redis::start_with(&options).await;
        let port = primary.port().to_string();
        let replica = Redis::start_with(&[&options[..], &["--replicaof", "127.0.0.1", &port]].concat()).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Self::sentinel(&port, password, sentinel).await);
        }
        let pair = Self { servers: vec![primary, replica], sentinels };
        for sentinel in &pair.sentinels {
            eventually("a sentinel knows all the others", || knows_all(sentinel)).await;
        }
        pair
    }

    async fn sentinel(port: &str, password: &str, options: &[&str]) -> Redis {
        let sentinel = Redis::start_with(&[&["--sentinel"], options].concat()).await;
        let set = |option, value| ["SENTINEL", "SET", SERVICE, option, value];
        for words in [
            ["SENTINEL", "MONITOR", SERVICE, "127.0.0.1", port, "2"].as_slice(),
            &set("down-after-milliseconds", "1000"),
            &set("failover-timeout", "5000"),
            // An empty one is none.
            &set("auth-pass", password),
        ] {
            sentinel.ask::<()>(words).await.expect("the sentinel takes it");
        }
        sentinel
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let nodes: Vec<String> =
            self.sentinels[1..].iter().map(|it| format!("&node=127.0.0.1:{}", it.port())).collect();
        let (user, first) = (self.servers[0].user(), &self.sentinels[0]);
        let secret = first.user();
        let secret = secret.trim_matches([':', '@']);
        let secret = if secret.is_empty() { String::new() } else { format!("&sentinelPassword={secret}") };
        let port = first.port();
        format!("redis-sentinel://{user}127.0.0.1:{port}?sentinelServiceName={SERVICE}{}{secret}", nodes.concat())
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
