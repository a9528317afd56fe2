//! A node that is deaf: its subscription receives nothing while the connection is open and PING
//! works, or its connections are cut, while other nodes work. The node notices, repairs what it
//! can, and meanwhile gets no new clients from the load balancer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirebell_tests::audit::load_clients::{LoadClients, event};
use wirebell_tests::client::Client;
use wirebell_tests::deaf_proxy::DeafProxy;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::{Cluster, Redis, Sentinels};
use wirebell_tests::token::Issuer;
use wirebell_tests::{SILENCE, eventually, full_size};

/// The log line for a subscription that its canary found deaf.
const DEAF_MESSAGE: &str = "a subscription is deaf: its connection is open";
/// The roster of nodes.
const ROSTER: &str = "wb:{nodes}:alive";

/// Users of the test in which the subscriptions of all clients become deaf. Each is a channel to
/// resubscribe.
fn users() -> u32 {
    if full_size() { 5_000 } else { 50 }
}

#[tokio::test(flavor = "multi_thread")]
async fn deaf_subscription_is_rebuilt_and_no_event_is_lost() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    let other = Setup::serve(&redis).start().await;
    let users = users();
    let targets: Vec<_> = (0..users).map(|user| (user, node.clients)).collect();
    let clients = LoadClients::connect(&targets).await;
    publish(&other, 0..users).await;
    assert_eq!(clients.wait_for_events(u64::from(users)).await, u64::from(users), "before");
    let disconnections = count(&node, "wirebell_bus_disconnections_total").await;

    proxy.deafen();
    let deaf_at = Instant::now();
    publish(&other, users..2 * users).await;
    eventually("the canary detects the deafness", || async { count(&node, "wirebell_bus_deaf_total").await > 0 })
        .await;
    let detected_after = deaf_at.elapsed();
    assert_eq!(clients.wait_for_events(u64::from(2 * users)).await, u64::from(2 * users), "{}", node.log.text());
    println!("deaf: detected after {detected_after:?}, all missed events delivered after {:?}", deaf_at.elapsed());

    publish(&other, 2 * users..3 * users).await;
    assert_eq!(clients.wait_for_events(u64::from(3 * users)).await, u64::from(3 * users), "afterwards");
    assert!(proxy.dropped() > 0, "no message was dropped, so the test proves nothing");
    assert!(!node.log.lines_containing(&[DEAF_MESSAGE]).is_empty(), "{}", node.log.text());
    assert_eq!(
        count(&node, "wirebell_bus_disconnections_total").await,
        disconnections + 1,
        "another cause disconnected the node"
    );
    eventually("the duration of the deafness is measured", || async {
        let lasted = metric(&node, "wirebell_bus_deafness_seconds_sum").await;
        println!("the node measured a deafness of {lasted:.3} s");
        lasted > 0.0
    })
    .await;
    assert_each_once(clients).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_link_is_not_taken_for_deaf() {
    let redis = Redis::start().await;
    let node = Setup::serve(&redis).start().await;
    let client = Client::connect(node.clients, &Issuer::default().token("u1")).await;
    let until = Instant::now() + Duration::from_secs(5);
    let publishers = (0..4).map(|_| async {
        let (api, mut published) = (node.api(), 0);
        let event = json!({"to": "user:u1", "type": "t", "class": "volatile", "data": "x".repeat(500)});
        let batch = json!(vec![event; 500]);
        while Instant::now() < until {
            api.publish_accepted(&batch).await;
            published += 500;
        }
        published
    });
    let published: u64 = futures_util::future::join_all(publishers).await.into_iter().sum();
    println!("{published} events in five seconds through one link");
    assert_eq!(count(&node, "wirebell_bus_deaf_total").await, 0, "{}", node.log.text());
    assert_eq!(count(&node, "wirebell_bus_disconnections_total").await, 0);
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_stays_deaf_is_unready_until_it_recovers() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    let other = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("u1")).await;

    proxy.deafen_all();
    let deaf_at = Instant::now();
    wait_until_unready(&node).await;
    println!("permanently deaf: unready after {:?}", deaf_at.elapsed());
    assert_eq!(other.api().get("/readyz").await.status, 200, "the other node is not deaf");
    // Commands work. An event published through the deaf node reaches clients of other nodes.
    node.api().publish_accepted(&json!({"to": "user:u1", "id": "e1", "type": "t", "data": 1})).await;
    assert!(metric(&node, "wirebell_bus_canary_silence_seconds").await > 1.0);

    proxy.undeafen();
    wait_until_recovered(&node).await;
    assert_eq!(client.event().await["id"], "e1");
    assert_eq!(client.events_until_silence(SILENCE).await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_alone_lost_redis_is_unready() {
    let mut redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    // The node listens on all addresses. It must find the address at which the first node can reach
    // it.
    let other = Setup::serve(&redis).set("services.listen", "0.0.0.0:0").start().await;
    wait_for_roster(&redis).await;
    let entries: Vec<String> = redis.query(&["ZRANGE", ROSTER, "0", "-1"]).await.expect("entries");
    let address = format!(" 127.0.0.1:{}", other.services.port());
    assert!(entries.iter().any(|entry| entry.ends_with(&address)), "no{address} in {entries:?}");

    proxy.cut();
    let cut_at = Instant::now();
    wait_until_unready(&node).await;
    println!("cut off: unready after {:?}", cut_at.elapsed());
    let response = other.api().get("/readyz").await;
    assert_eq!((response.status, &response.json()["bus"]), (200, &json!("up")), "{}", response.text);
    assert_eq!(node.api().get("/livez").await.status, 200);
    proxy.restore();
    wait_until_recovered(&node).await;

    redis.kill();
    wait_until_degraded(&node).await;
    wait_until_degraded(&other).await;
    // Both stay ready for longer than a node that is alone without Redis would take to become
    // unready.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        for one in [&node, &other] {
            let (ready, alive) = (one.api().get("/readyz").await, one.api().get("/livez").await);
            assert_eq!((ready.status, alive.status), (200, 200), "{}", ready.text);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    redis.restart().await;
    wait_until_recovered(&node).await;
    wait_until_recovered(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_a_bus_since_its_start_is_unready() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    proxy.cut();
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start_unready().await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let response = node.api().get("/readyz").await;
        assert_eq!(
            (response.status, &response.json()["reasons"][0]["reason"]),
            (503, &json!("bus")),
            "{}",
            response.text
        );
        assert_eq!(node.api().get("/livez").await.status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.restore();
    wait_until_recovered(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cluster_shard_has_a_canary_that_follows_its_slot() {
    let cluster = Cluster::start().await;
    let proxy = DeafProxy::start(cluster.nodes()[1].port()).await;
    // All members know the second server by the port of the proxy.
    let port = proxy.port().to_string();
    cluster.nodes()[1]
        .query::<()>(&["CONFIG", "SET", "cluster-announce-port", &port])
        .await
        .expect("the server accepts the port");
    for server in cluster.nodes() {
        eventually("all servers know the new port", || async {
            let nodes: String = server.query(&["CLUSTER", "NODES"]).await.unwrap_or_default();
            nodes.contains(&format!(":{port}@"))
        })
        .await;
    }
    let redis = &cluster.nodes()[0];
    let node = Setup::serve(redis).set("bus.redis", &cluster.url()).start().await;
    let names = canaries(&cluster).await;
    assert_eq!(names.len(), 3, "one canary for each primary: {names:?}");
    assert_canaries_arrive(&node).await;

    proxy.deafen();
    let deaf_at = Instant::now();
    eventually("the canary detects the deafness", || async { count(&node, "wirebell_bus_deaf_total").await > 0 })
        .await;
    println!("one shard of three deaf: detected after {:?}", deaf_at.elapsed());
    wait_until_recovered(&node).await;
    assert_canaries_arrive(&node).await;
    let found = count(&node, "wirebell_bus_deaf_total").await;

    // Move the slot of the third server's canary to another server.
    let (name, _) = names.iter().find(|(_, index)| *index == 2).expect("one canary for each server");
    cluster.migrate(cluster.slot(name).await).await;
    eventually("the canary has followed", || async {
        let now = canaries(&cluster).await;
        now.len() >= 3 && (0..3).all(|index| now.iter().any(|(_, at)| *at == index))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_canaries_arrive(&node).await;
    assert_eq!(count(&node, "wirebell_bus_deaf_total").await, found, "a move was taken for deafness");
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_follows_the_primary_with_sentinels() {
    let mut sentinels = Sentinels::start().await;
    let url = sentinels.url();
    let node = Setup::serve(sentinels.primary().await).set("bus.redis", &url).start().await;
    assert_canaries_arrive(&node).await;
    let before = sentinels.primary().await.port();
    sentinels.swap_roles().await;
    for _ in 0..600 {
        if sentinels.primary().await.port() != before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    wait_until_recovered(&node).await;
    assert_canaries_arrive(&node).await;
}

async fn publish(node: &Node, numbers: std::ops::Range<u32>) {
    let events: Vec<_> = numbers.map(|number| event(number, number % users())).collect();
    for batch in events.chunks(500) {
        node.api().publish_accepted(&json!(batch)).await;
    }
}

/// Checks that each client received each of its three events once and in order.
async fn assert_each_once(clients: LoadClients) {
    tokio::time::sleep(SILENCE).await;
    for record in clients.stop().await {
        let received: Vec<u32> = record.received.iter().map(|received| received.event).collect();
        assert_eq!(received, [record.user, record.user + users(), record.user + 2 * users()]);
        assert!(!record.lost && record.received.iter().all(|received| received.intact));
    }
}

/// Waits until both nodes are on the roster and have read each other's entries.
async fn wait_for_roster(redis: &Redis) {
    eventually("both are on the roster", || async {
        redis.query::<u64>(&["ZCARD", ROSTER]).await.is_ok_and(|count| count == 2)
    })
    .await;
    // The first node reads the second's entry at its next renewal, which is every 5 s.
    tokio::time::sleep(Duration::from_secs(6)).await;
}

async fn wait_until_unready(node: &Node) {
    let api = node.api();
    eventually("/readyz says 503", || async { api.get("/readyz").await.status == 503 }).await;
    let response = api.get("/readyz").await.json();
    assert_eq!(
        (&response["ready"], &response["reasons"][0]["reason"]),
        (&json!(false), &json!("bus")),
        "{response}"
    );
    assert_eq!((&response["bus"], &response["degraded"]), (&json!("down"), &json!([])), "{response}");
}

async fn wait_until_degraded(node: &Node) {
    let api = node.api();
    eventually("/readyz says degraded", || async {
        let response = api.get("/readyz").await;
        response.status == 200 && response.json()["degraded"][0]["reason"] == "bus"
    })
    .await;
}

async fn wait_until_recovered(node: &Node) {
    let api = node.api();
    eventually("/readyz is ready and not degraded", || async {
        let response = api.get("/readyz").await;
        response.status == 200 && response.json()["degraded"] == json!([]) && response.json()["bus"] == "up"
    })
    .await;
}

/// Checks that the canaries arrive: for some seconds the silence is never long.
async fn assert_canaries_arrive(node: &Node) {
    eventually("the canaries arrive", || async { metric(node, "wirebell_bus_canary_silence_seconds").await < 0.5 })
        .await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let silence = metric(node, "wirebell_bus_canary_silence_seconds").await;
        assert!(silence < 10.0, "no canary for {silence} s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the names of the canaries, each with the index of the server that has its subscription.
async fn canaries(cluster: &Cluster) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (index, server) in cluster.nodes().iter().enumerate() {
        let names: Vec<String> = server.query(&["PUBSUB", "SHARDCHANNELS", "wb:*:canary:*"]).await.expect("names");
        found.extend(names.into_iter().map(|name| (name, index)));
    }
    found
}

async fn metric(node: &Node, name: &str) -> f64 {
    let text = node.api().get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}

async fn count(node: &Node, name: &str) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a counter is a whole number, and small here")]
    let count = metric(node, name).await as i64;
    count
}
