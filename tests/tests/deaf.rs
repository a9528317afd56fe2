//! A node that does not hear: its subscription is deaf while the connection lives and answers, or its line is cut, and
//! the others are well. It notices, mends what can be mended, and is sent no clients meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirebell_tests::audit::load_clients::{LoadClients, event};
use wirebell_tests::client::Client;
use wirebell_tests::deaf_proxy::DeafProxy;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::{Cluster, Redis, Sentinels};
use wirebell_tests::token::Issuer;
use wirebell_tests::{SILENCE, eventually, full_size};

/// What every log line of a subscription found deaf by its canary says.
const NOTICED: &str = "a subscription is deaf: its connection lives";
/// Where nodes enter themselves.
const ROSTER: &str = "wb:{nodes}:alive";

/// Users of the test in which all clients are deafened. Each is a channel to be subscribed anew.
fn users() -> u32 {
    if full_size() { 5_000 } else { 50 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_subscription_is_noticed_and_built_anew_and_nobody_misses_anything() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    let other = Setup::serve(&redis).start().await;
    let users = users();
    let places: Vec<_> = (0..users).map(|user| (user, node.clients)).collect();
    let clients = LoadClients::connect(&places).await;
    publish(&other, 0..users).await;
    assert_eq!(clients.wait_for_events(u64::from(users)).await, u64::from(users), "before");
    let disconnections = count(&node, "wirebell_bus_disconnections_total").await;

    proxy.deafen();
    let deaf_at = Instant::now();
    publish(&other, users..2 * users).await;
    eventually("the canary notices", || async { count(&node, "wirebell_bus_deaf_total").await > 0 }).await;
    let noticed = deaf_at.elapsed();
    assert_eq!(clients.wait_for_events(u64::from(2 * users)).await, u64::from(2 * users), "{}", node.log.text());
    println!("deaf: noticed after {noticed:?}, all events of the meantime delivered after {:?}", deaf_at.elapsed());

    publish(&other, 2 * users..3 * users).await;
    assert_eq!(clients.wait_for_events(u64::from(3 * users)).await, u64::from(3 * users), "afterwards");
    assert!(proxy.dropped() > 0, "nothing was dropped: the test has shown nothing");
    assert!(!node.log.lines_containing(&[NOTICED]).is_empty(), "{}", node.log.text());
    assert_eq!(count(&node, "wirebell_bus_disconnections_total").await, disconnections + 1, "another cause");
    eventually("how long it was deaf is told", || async {
        let lasted = metric(&node, "wirebell_bus_deafness_seconds_sum").await;
        println!("the node says that it was deaf for {lasted:.3} s");
        lasted > 0.0
    })
    .await;
    once_each(clients).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_link_is_not_taken_for_a_deaf_one() {
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
async fn a_node_that_stays_deaf_is_not_sent_clients_and_comes_back_by_itself() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    let other = Setup::serve(&redis).start().await;
    let mut client = Client::connect(node.clients, &Issuer::default().token("u1")).await;

    proxy.deafen_all();
    let deaf_at = Instant::now();
    is_out(&node).await;
    println!("deaf for good: unready after {:?}", deaf_at.elapsed());
    assert_eq!(other.api().get("/readyz").await.status, 200, "the other hears");
    // Commands work: what is published through the deaf node reaches those that hear.
    node.api().publish_accepted(&json!({"to": "user:u1", "id": "e1", "type": "t", "data": 1})).await;
    assert!(metric(&node, "wirebell_bus_canary_silence_seconds").await > 1.0);

    proxy.undeafen();
    is_whole(&node).await;
    assert_eq!(client.event().await["id"], "e1");
    assert_eq!(client.events_until_silence(SILENCE).await, [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_alone_has_lost_redis_is_not_sent_clients() {
    let mut redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start().await;
    // It listens everywhere, and so has to find out at which address the first can ask it.
    let other = Setup::serve(&redis).set("services.listen", "0.0.0.0:0").start().await;
    knows_the_other(&redis).await;
    let entries: Vec<String> = redis.query(&["ZRANGE", ROSTER, "0", "-1"]).await.expect("entries");
    let address = format!(" 127.0.0.1:{}", other.services.port());
    assert!(entries.iter().any(|entry| entry.ends_with(&address)), "no{address} in {entries:?}");

    proxy.cut();
    let cut_at = Instant::now();
    is_out(&node).await;
    println!("cut off: unready after {:?}", cut_at.elapsed());
    let answer = other.api().get("/readyz").await;
    assert_eq!((answer.status, &answer.json()["bus"]), (200, &json!("up")), "{}", answer.text);
    assert_eq!(node.api().get("/livez").await.status, 200);
    proxy.restore();
    is_whole(&node).await;

    redis.kill();
    is_degraded(&node).await;
    is_degraded(&other).await;
    // It stays so: for longer than it takes to leave when one is alone.
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        for one in [&node, &other] {
            let (ready, alive) = (one.api().get("/readyz").await, one.api().get("/livez").await);
            assert_eq!((ready.status, alive.status), (200, 200), "{}", ready.text);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    redis.restart().await;
    is_whole(&node).await;
    is_whole(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_never_had_its_bus_is_not_ready() {
    let redis = Redis::start().await;
    let proxy = DeafProxy::start(redis.port()).await;
    proxy.cut();
    let node = Setup::serve(&redis).set("bus.redis", &proxy.url()).start_unready().await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let answer = node.api().get("/readyz").await;
        assert_eq!(
            (answer.status, &answer.json()["reasons"][0]["reason"]),
            (503, &json!("bus")),
            "{}",
            answer.text
        );
        assert_eq!(node.api().get("/livez").await.status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.restore();
    is_whole(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_every_shard_has_its_canary_which_follows_its_slot() {
    let cluster = Cluster::start().await;
    let proxy = DeafProxy::start(cluster.nodes()[1].port()).await;
    // The second server is known to everybody by the proxy's port.
    let port = proxy.port().to_string();
    cluster.nodes()[1].query::<()>(&["CONFIG", "SET", "cluster-announce-port", &port]).await.expect("it agrees");
    for server in cluster.nodes() {
        eventually("everybody knows the new port", || async {
            let nodes: String = server.query(&["CLUSTER", "NODES"]).await.unwrap_or_default();
            nodes.contains(&format!(":{port}@"))
        })
        .await;
    }
    let redis = &cluster.nodes()[0];
    let node = Setup::serve(redis).set("bus.redis", &cluster.url()).start().await;
    let names = canaries(&cluster).await;
    assert_eq!(names.len(), 3, "one canary for each primary: {names:?}");
    hears(&node).await;

    proxy.deafen();
    let deaf_at = Instant::now();
    eventually("the canary notices", || async { count(&node, "wirebell_bus_deaf_total").await > 0 }).await;
    println!("one shard of three deaf: noticed after {:?}", deaf_at.elapsed());
    is_whole(&node).await;
    hears(&node).await;
    let found = count(&node, "wirebell_bus_deaf_total").await;

    // The third server's canary: its slot goes to another.
    let (name, _) = names.iter().find(|(_, place)| *place == 2).expect("one each");
    cluster.migrate(cluster.slot(name).await).await;
    eventually("the canary has followed", || async {
        let now = canaries(&cluster).await;
        now.len() >= 3 && (0..3).all(|place| now.iter().any(|(_, at)| *at == place))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    hears(&node).await;
    assert_eq!(count(&node, "wirebell_bus_deaf_total").await, found, "a move was taken for deafness");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sentinels_the_canary_follows_the_primary() {
    let mut sentinels = Sentinels::start().await;
    let url = sentinels.url();
    let node = Setup::serve(sentinels.primary().await).set("bus.redis", &url).start().await;
    hears(&node).await;
    let before = sentinels.primary().await.port();
    sentinels.swap_roles().await;
    for _ in 0..600 {
        if sentinels.primary().await.port() != before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_whole(&node).await;
    hears(&node).await;
}

async fn publish(node: &Node, numbers: std::ops::Range<u32>) {
    let events: Vec<_> = numbers.map(|number| event(number, number % users())).collect();
    for batch in events.chunks(500) {
        node.api().publish_accepted(&json!(batch)).await;
    }
}

/// Everybody got each of its three events once, in their order.
async fn once_each(clients: LoadClients) {
    tokio::time::sleep(SILENCE).await;
    for record in clients.stop().await {
        let got: Vec<u32> = record.received.iter().map(|received| received.event).collect();
        assert_eq!(got, [record.user, record.user + users(), record.user + 2 * users()]);
        assert!(!record.lost && record.received.iter().all(|received| received.intact));
    }
}

/// Both nodes have entered themselves, and had the time to read of each other.
async fn knows_the_other(redis: &Redis) {
    eventually("both are on the roster", || async {
        redis.query::<u64>(&["ZCARD", ROSTER]).await.is_ok_and(|count| count == 2)
    })
    .await;
    // The one that came first reads the second's entry at its next renewal, which is every 5 s.
    tokio::time::sleep(Duration::from_secs(6)).await;
}

async fn is_out(node: &Node) {
    let api = node.api();
    eventually("/readyz says 503", || async { api.get("/readyz").await.status == 503 }).await;
    let answer = api.get("/readyz").await.json();
    assert_eq!((&answer["ready"], &answer["reasons"][0]["reason"]), (&json!(false), &json!("bus")), "{answer}");
    assert_eq!((&answer["bus"], &answer["degraded"]), (&json!("down"), &json!([])), "{answer}");
}

async fn is_degraded(node: &Node) {
    let api = node.api();
    eventually("/readyz says degraded", || async {
        let answer = api.get("/readyz").await;
        answer.status == 200 && answer.json()["degraded"][0]["reason"] == "bus"
    })
    .await;
}

async fn is_whole(node: &Node) {
    let api = node.api();
    eventually("/readyz says that all is well", || async {
        let answer = api.get("/readyz").await;
        answer.status == 200 && answer.json()["degraded"] == json!([]) && answer.json()["bus"] == "up"
    })
    .await;
}

/// The canaries are heard: for some seconds the silence is never long.
async fn hears(node: &Node) {
    eventually("the canaries are heard", || async {
        metric(node, "wirebell_bus_canary_silence_seconds").await < 0.5
    })
    .await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let silence = metric(node, "wirebell_bus_canary_silence_seconds").await;
        assert!(silence < 10.0, "no canary for {silence} s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The canaries' names with the place of the server on which each is subscribed to.
async fn canaries(cluster: &Cluster) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (place, server) in cluster.nodes().iter().enumerate() {
        let names: Vec<String> = server.query(&["PUBSUB", "SHARDCHANNELS", "wb:*:canary:*"]).await.expect("names");
        found.extend(names.into_iter().map(|name| (name, place)));
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
