//! The data move to another server, by a failover with or without a crash, or by a slot migration.
//! After each move, the bus subscribes and publishes at the new server by itself.

use wirebell_protocol::{Channel, Cursor, Keys, Prepared};
use wirebell_tests::eventually;
use wirebell_tests::redis::{Cluster, Sentinels};

use crate::fixture::{Fixture, at, next, prepared, user, wait_until_down, wait_until_up};
use crate::redis_only::until_missed;

/// Enough channels for every primary to own some.
const CHANNELS: usize = 60;

/// Starts a bus that is subscribed to many channels, and receives a first event.
async fn subscribed(url: String) -> (Fixture, Vec<Channel>) {
    let mut bus = at(url, Keys::default()).await;
    let channels: Vec<Channel> = (0..CHANNELS).map(|n| Channel::user(&n.to_string()).unwrap()).collect();
    bus.bus.subscribe(&channels).await.unwrap();
    bus.publish("user:42", "before", "1").await;
    bus.event().await;
    (bus, channels)
}

/// Asserts that every channel is subscribed once, and that its events arrive.
async fn assert_all_received(bus: &mut Fixture, channels: &[Channel]) {
    // A new id each time: used ids are remembered, also by a promoted replica.
    let id = fastrand::u64(..).to_string();
    for channel in channels {
        assert_eq!(bus.publish(channel.as_str(), &id, "1").await.nodes, 1, "{channel}");
        assert_eq!(bus.event().await.channel, *channel);
    }
}

async fn assert_batch_in_order(bus: &mut Fixture) {
    let batch: Vec<Prepared> = (0..40).map(|n| prepared("user:42", &format!("batch.{n}"), "1")).collect();
    let mut previous = Cursor::START;
    for answer in bus.bus.publish(&batch).await {
        let accepted = answer.unwrap();
        assert!(accepted.cursor.unwrap() > previous);
        previous = accepted.cursor.unwrap();
        assert_eq!(bus.event().await.position.map(|position| position.cursor), accepted.cursor);
    }
}

async fn assert_recovery(bus: &mut Fixture, channels: &[Channel]) {
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    until_missed(bus).await;
    assert_all_received(bus, channels).await;
    assert_batch_in_order(bus).await;
}

/// Waits until publishing reaches the server at which the channel is subscribed.
async fn wait_until_moved(bus: &mut Fixture) {
    until_missed(bus).await;
    let (mut number, shared) = (0, bus.bus.clone());
    eventually("the bus publishes and subscribes at the new server", || {
        number += 1;
        let (bus, event) = (shared.clone(), prepared("user:42", &format!("probe.{number}"), "1"));
        async move { matches!(bus.publish(&[event]).await.as_slice(), [Ok(accepted)] if accepted.nodes == 1) }
    })
    .await;
    wait_until_up(&*bus.bus).await;
    bus.bus.subscribe(&[Channel::topic("mark").unwrap()]).await.unwrap();
    bus.publish("topic:mark", "mark", "1").await;
    loop {
        if let gateway::bus::Delivery::Event(event) = next(&mut bus.deliveries).await
            && event.channel.as_str() == "topic:mark"
        {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_promotes_a_replica_after_a_crash() {
    let mut servers = Sentinels::start().await;
    let (mut bus, channels) = subscribed(servers.url()).await;
    servers.primary().await.kill();
    assert_recovery(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_failover_switches_primary_and_replica() {
    let servers = Sentinels::start().await;
    let (mut bus, channels) = subscribed(servers.url()).await;
    servers.swap_roles().await;
    wait_until_moved(&mut bus).await;
    assert_all_received(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_promotes_a_replica_after_a_crash() {
    let mut cluster = Cluster::start_with_replicas().await;
    let (mut bus, channels) = subscribed(cluster.url()).await;
    let owner = cluster.owner(cluster.slot("{user:42}").await, 0).await;
    cluster.kill(owner);
    assert_recovery(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_failover_switches_primary_and_replica() {
    let cluster = Cluster::start_with_replicas().await;
    let (mut bus, channels) = subscribed(cluster.url()).await;
    cluster.swap_roles(cluster.slot("{user:42}").await).await;
    wait_until_moved(&mut bus).await;
    assert_all_received(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bus_follows_a_migrated_slot() {
    let cluster = Cluster::start().await;
    let (mut bus, channels) = subscribed(cluster.url()).await;
    let first = bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap().remove(0);
    let to = cluster.migrate(cluster.slot("{user:42}").await).await;
    until_missed(&mut bus).await;
    // The other links are still connected, and the bus is still healthy.
    assert_eq!(bus.metrics.bus_disconnections.get(), 0);
    // The first publish after the move is a batch. All of it must follow the slot, in order.
    assert_batch_in_order(&mut bus).await;
    assert_all_received(&mut bus, &channels).await;
    let log = bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap().remove(0);
    assert_eq!(log[0], first[0], "the log has moved with the slot");
    let there: Vec<String> =
        cluster.nodes()[to].query(&["PUBSUB", "SHARDCHANNELS", "wb:{user:42}:announce"]).await.unwrap();
    assert_eq!(there.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_scripts_are_loaded_again_on_every_node() {
    let cluster = Cluster::start().await;
    let (mut bus, channels) = subscribed(cluster.url()).await;
    for node in cluster.nodes() {
        node.query::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    let batch: Vec<Prepared> = channels.iter().map(|channel| prepared(channel.as_str(), "all", "1")).collect();
    assert!(bus.bus.publish(&batch).await.iter().all(Result::is_ok));
    for _ in &batch {
        bus.event().await;
    }
    assert_batch_in_order(&mut bus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_accepts_a_password() {
    let cluster = Cluster::start_with_password("correct-horse").await;
    let (mut bus, channels) = subscribed(cluster.url()).await;
    assert_all_received(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_accept_passwords() {
    let mut servers = Sentinels::start_with_passwords("correct-horse", "battery").await;
    let (mut bus, channels) = subscribed(servers.url()).await;
    servers.primary().await.kill();
    assert_recovery(&mut bus, &channels).await;
}
