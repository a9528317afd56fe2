//! Redis dies and comes back under a node's connections: nobody is thrown out, the probes tell the truth meanwhile,
//! and soon after its return everybody gets events again.

use std::time::{Duration, Instant};

use serde_json::json;
use wirebell_tests::audit::load_clients::{LoadClients, event};
use wirebell_tests::client::Client;
use wirebell_tests::node::{Node, Setup};
use wirebell_tests::redis::Redis;
use wirebell_tests::token::Issuer;
use wirebell_tests::{eventually, full_size};

/// What is promised: from the moment Redis answers again until every user has got a new event.
const PROMISE: Duration = Duration::from_secs(5);
/// How long a publisher may be kept waiting for a refusal.
const PROMPTLY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn clients_outlive_a_redis_that_lost_everything() {
    survive(Redis::start().await, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_outlive_a_redis_that_kept_its_logs_twice() {
    survive(Redis::start_durable().await, 2).await;
}

async fn survive(mut redis: Redis, times: u32) {
    let users = if full_size() { 2_000 } else { 500 };
    let node = Setup::serve(&redis).start().await;
    let places: Vec<_> = (0..users).map(|user| (user, node.clients)).collect();
    let clients = LoadClients::connect(&places).await;
    let mut number = 0;
    publish_to_all(&node, users, &mut number).await;
    assert_eq!(clients.wait_for_events(u64::from(users)).await, u64::from(users), "before the outage");

    for time in 1..=u64::from(times) {
        redis.kill();
        bus_is_missed(&node).await;
        refused_promptly(&node).await;
        assert_eq!(clients.lost(), 0, "connections ended while Redis was down");
        admitted_meanwhile(&node).await;

        redis.restart().await;
        let returned = Instant::now();
        publish_as_soon_as_possible(&node, users, &mut number).await;
        let wanted = u64::from(users) * (time + 1);
        assert_eq!(clients.wait_for_events(wanted).await, wanted, "after the outage: {}", node.log.text());
        let took = returned.elapsed();
        println!("{users} users had a new event {took:?} after Redis answered again");
        assert!(took < PROMISE, "it took {took:?}");
        assert_eq!(clients.lost(), 0, "connections ended when Redis came back");
        eventually("nothing is kind any more", || async {
            let answer = node.api().get("/readyz").await;
            answer.status == 200 && answer.json()["degraded"] == json!([])
        })
        .await;
    }
    let lost = clients.stop().await.iter().filter(|record| record.lost).count();
    assert_eq!(lost, 0);
}

async fn bus_is_missed(node: &Node) {
    let api = node.api();
    let degraded = || async { api.get("/readyz").await.json()["degraded"][0]["reason"] == "bus" };
    eventually("/readyz says what is kind", degraded).await;
    let answer = api.get("/readyz").await;
    assert_eq!(answer.status, 200, "where Redis is down for all, nobody is taken out: {}", answer.text);
    assert_eq!((&answer.json()["ready"], &answer.json()["bus"]), (&json!(true), &json!("down")), "{}", answer.text);
    assert_eq!(api.get("/livez").await.status, 200, "a node whose bus is away must not be restarted");
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.lines().any(|line| line == "wirebell_bus_up 0"), "{metrics}");
}

async fn refused_promptly(node: &Node) {
    let asked = Instant::now();
    let answer = node.api().publish(&json!({"to": "user:u0", "type": "t", "data": 1})).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("unavailable")), "{}", answer.text);
    assert!(!answer.header("retry-after").is_empty(), "the publisher is not told when to try again");
    assert!(asked.elapsed() < PROMPTLY, "the refusal took {:?}", asked.elapsed());
}

/// Whether a node without its bus lets new clients in, and welcomes them at once, is its own affair; it must answer.
async fn admitted_meanwhile(node: &Node) {
    let token = Issuer::default().token("late");
    if let Ok(mut client) =
        Client::open(node.clients, Some((wirebell_tests::client::TokenLocation::Header, &token))).await
    {
        let seen = client.next(PROMPTLY).await;
        println!("a client that comes during the outage sees {seen:?}");
    }
}

/// One event for each user. Publishing is tried again until it is accepted: an event that was refused is not lost.
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
