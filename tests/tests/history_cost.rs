//! The cost of connection logs when many clients connect at once. It is a measurement without
//! assertions, so it runs only on request: `cargo test --release -p wirebell-tests --test
//! history_cost -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use wirebell_tests::client::Client;
use wirebell_tests::eventually;
use wirebell_tests::node::Setup;
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;

const USERS: usize = 5_000;
const ROUNDS: usize = 3;

/// CPU time in seconds.
#[derive(Default)]
struct Cost {
    node: f64,
    redis: f64,
    wall: Duration,
    bytes: i64,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn cost_of_5000_connections_with_and_without_connection_log() {
    let (mut without, mut with) = (Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        connect_and_close_all("0", &mut without).await;
        connect_and_close_all("20", &mut with).await;
    }
    for (name, cost) in [("without", &without), ("with", &with)] {
        let Cost { node, redis, wall, bytes } = cost;
        println!(
            "{name}: node {node:.2} s, Redis {redis:.2} s of CPU; {wall:?}; {bytes} bytes in Redis; {ROUNDS} rounds"
        );
    }
    println!("with / without: node {:.2}, Redis {:.2}", with.node / without.node, with.redis / without.redis);
}

/// Connects all clients, then closes all.
async fn connect_and_close_all(history: &str, cost: &mut Cost) {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).set("bus.history", history).start().await;
    let issuer = Issuer::default();
    let memory = used(&redis).await;
    let (node_before, redis_before, started) = (node_cpu(node.pid()), redis_cpu(&redis).await, Instant::now());
    let connect = |user: usize| {
        let token = issuer.token(&user.to_string());
        let address = node.clients;
        async move { Client::connect(address, &token).await }
    };
    let clients: Vec<Client> = stream::iter(0..USERS).map(connect).buffer_unordered(100).collect().await;
    stream::iter(clients).for_each_concurrent(100, Client::close).await;
    cost.wall += started.elapsed();
    if history != "0" {
        let all = || async {
            let keys: Vec<String> = redis.query(&["KEYS", "*:history"]).await.expect("keys");
            keys.len() == USERS
        };
        eventually("all connection logs are written", all).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    cost.node += node_cpu(node.pid()) - node_before;
    cost.redis += redis_cpu(&redis).await - redis_before;
    cost.bytes += used(&redis).await - memory;
}

/// Returns the CPU time of a process from /proc, which counts in hundredths of a second.
#[expect(clippy::cast_precision_loss, reason = "hundredths of seconds of a minute's run")]
fn node_cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let after_name = stat.rsplit(')').next().expect("a line");
    let fields: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).map(|it| it.parse().expect("a number")).collect();
    fields.iter().sum::<u64>() as f64 / 100.0
}

async fn redis_cpu(redis: &Redis) -> f64 {
    let info: String = redis.query(&["INFO", "cpu"]).await.expect("INFO");
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok()).expect("a number")
    };
    field("used_cpu_sys:") + field("used_cpu_user:")
}

async fn used(redis: &Redis) -> i64 {
    let info: String = redis.query(&["INFO", "memory"]).await.expect("INFO");
    info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()).expect("a number")
}
