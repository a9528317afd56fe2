//! Redis dies and restarts while clients are connected. No client is disconnected, the probes
//! report the outage, and soon after the restart all clients receive events again.

use std::time::{Duration, Instant};

use serde_json::json;
use wirebell_tests::audit::load_clients::{LoadClients, event};
use wirebell_tests::client::Client;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;
use wirebell_tests::{eventually, full_size};

/// Time limit from the restart of Redis until every user has received a new event.
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);
/// Time limit for rejecting a publish request.
const REJECTION_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn clients_stay_connected_when_redis_loses_its_data() {
    survive_outages(Redis::start().await, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_stay_connected_through_two_outages_with_persistence() {
    survive_outages(Redis::start_durable().await, 2).await;
}

async fn survive_outages(mut redis: Redis, times: u32) {
    let users = if full_size() { 2_000 } else { 500 };
    let node = Setup::serve(&redis).start().await;
    let targets: Vec<_> = (0..users).map(|user| (user, node.clients)).collect();
    let clients = LoadClients::connect(&targets).await;
    let mut number = 0;
    publish_to_all(&node, users, &mut number).await;
    assert_eq!(clients.wait_for_events(u64::from(users)).await, u64::from(users), "before the outage");

    for time in 1..=u64::from(times) {
        redis.kill();
        assert_degraded(&node).await;
        assert_publish_rejected(&node).await;
        assert_eq!(clients.lost(), 0, "connections ended while Redis was down");
        connect_during_outage(&node).await;

        redis.restart().await;
        let restarted_at = Instant::now();
        publish_as_soon_as_possible(&node, users, &mut number).await;
        let wanted = u64::from(users) * (time + 1);
        assert_eq!(clients.wait_for_events(wanted).await, wanted, "after the outage: {}", node.log.text());
        let took = restarted_at.elapsed();
        println!("{users} users had a new event {took:?} after the restart of Redis");
        assert!(took < RECOVERY_LIMIT, "it took {took:?}");
        assert_eq!(clients.lost(), 0, "connections ended when Redis restarted");
        eventually("the node is ready and not degraded", || async {
            let response = node.api().get("/readyz").await;
            response.status == 200 && response.json()["degraded"] == json!([])
        })
        .await;
    }
    let lost = clients.stop().await.iter().filter(|record| record.lost).count();
    assert_eq!(lost, 0);
}

async fn assert_degraded(node: &Node) {
    let api = node.api();
    let degraded = || async { api.get("/readyz").await.json()["degraded"][0]["reason"] == "bus" };
    eventually("/readyz reports the bus as degraded", degraded).await;
    let response = api.get("/readyz").await;
    assert_eq!(response.status, 200, "if Redis is down for all nodes, none becomes unready: {}", response.text);
    assert_eq!(
        (&response.json()["ready"], &response.json()["bus"]),
        (&json!(true), &json!("down")),
        "{}",
        response.text
    );
    assert_eq!(api.get("/livez").await.status, 200, "a node whose bus is away must not be restarted");
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.lines().any(|line| line == "wirebell_bus_up 0"), "{metrics}");
}

async fn assert_publish_rejected(node: &Node) {
    let started_at = Instant::now();
    let response = node.api().publish(&json!({"to": "user:u0", "type": "t", "data": 1})).await;
    assert_eq!((response.status, &response.json()["code"]), (503, &json!("unavailable")), "{}", response.text);
    assert!(!response.header("retry-after").is_empty(), "the response has no Retry-After");
    assert!(started_at.elapsed() < REJECTION_LIMIT, "the rejection took {:?}", started_at.elapsed());
}

/// A node without its bus may accept or reject new clients, but must respond.
async fn connect_during_outage(node: &Node) {
    let token = Issuer::default().token("late");
    if let Ok(mut client) =
        Client::open(node.clients, Some((wirebell_tests::client::TokenLocation::Header, &token))).await
    {
        let seen = client.next(REJECTION_LIMIT).await;
        println!("a client that connects during the outage receives {seen:?}");
    }
}

/// Publishes one event to each user. Publishing is retried until it is accepted: a rejected event
/// is not lost.
async fn publish_as_soon_as_possible(node: &Node, users: u32, number: &mut u32) {
    let api = node.api();
    eventually("an event is accepted again", || async {
        api.publish(&json!({"to": "topic:probe", "type": "t", "data": 1})).await.status == 202
    })
    .await;
    publish_to_all(node, users, number).await;
}

async fn publish_to_all(node: &Node, users: u32, number: &mut u32) {
    let events: Vec<_> = (0..users).map(|user| event(*number + user, user)).collect();
    *number += users;
    for batch in events.chunks(500) {
        node.api().publish_accepted(&json!(batch)).await;
    }
}
