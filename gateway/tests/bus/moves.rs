//! The data move to another server: a failover, with and without a crash, and a slot that migrates. After each of
//! them the bus listens and publishes where the data are, without help.

use wirebell_protocol::{Channel, Cursor, Keys, Prepared};
use wirebell_tests::eventually;
use wirebell_tests::redis::{Cluster, Sentinels};

use crate::fixture::{Fixture, at, next, prepared, user, wait_until_down, wait_until_up};
use crate::redis_only::until_missed;

/// Enough for every primary to have some.
const CHANNELS: usize = 60;

/// Listens for many channels, and hears the first event.
async fn listening(url: String) -> (Fixture, Vec<Channel>) {
    let mut bus = at(url, Keys::default()).await;
    let channels: Vec<Channel> = (0..CHANNELS).map(|n| Channel::user(&n.to_string()).unwrap()).collect();
    bus.bus.subscribe(&channels).await.unwrap();
    bus.publish("user:42", "before", "1").await;
    bus.event().await;
    (bus, channels)
}

/// Every channel is listened for, once, and what is published to it arrives.
async fn all_are_heard(bus: &mut Fixture, channels: &[Channel]) {
    // A new id each time: one that was used before is remembered, also by a replica that was promoted.
    let id = fastrand::u64(..).to_string();
    for channel in channels {
        assert_eq!(bus.publish(channel.as_str(), &id, "1").await.nodes, 1, "{channel}");
        assert_eq!(bus.event().await.channel, *channel);
    }
}

async fn a_batch_keeps_its_order(bus: &mut Fixture) {
    let batch: Vec<Prepared> = (0..40).map(|n| prepared("user:42", &format!("batch.{n}"), "1")).collect();
    let mut previous = Cursor::START;
    for answer in bus.bus.publish(&batch).await {
        let accepted = answer.unwrap();
        assert!(accepted.cursor.unwrap() > previous);
        previous = accepted.cursor.unwrap();
        assert_eq!(bus.event().await.position.map(|position| position.cursor), accepted.cursor);
    }
}

async fn crash_and_failover(bus: &mut Fixture, channels: &[Channel]) {
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    until_missed(bus).await;
    all_are_heard(bus, channels).await;
    a_batch_keeps_its_order(bus).await;
}

/// Waits until the channel is listened for at one place, which is the one that publishing reaches.
async fn moved(bus: &mut Fixture) {
    until_missed(bus).await;
    let (mut number, shared) = (0, bus.bus.clone());
    eventually("the bus publishes and listens at the new place", || {
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
async fn sentinels_promote_a_replica_after_a_crash() {
    let mut servers = Sentinels::start().await;
    let (mut bus, channels) = listening(servers.url()).await;
    servers.primary().await.kill();
    crash_and_failover(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_exchange_primary_and_replica() {
    let servers = Sentinels::start().await;
    let (mut bus, channels) = listening(servers.url()).await;
    servers.exchange().await;
    moved(&mut bus).await;
    all_are_heard(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_promotes_a_replica_after_a_crash() {
    let mut cluster = Cluster::start_with_replicas().await;
    let (mut bus, channels) = listening(cluster.url()).await;
    let owner = cluster.owner(cluster.slot("{user:42}").await, 0).await;
    cluster.kill(owner);
    crash_and_failover(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_exchanges_primary_and_replica() {
    let cluster = Cluster::start_with_replicas().await;
    let (mut bus, channels) = listening(cluster.url()).await;
    cluster.exchange(cluster.slot("{user:42}").await).await;
    moved(&mut bus).await;
    all_are_heard(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_migrates() {
    let cluster = Cluster::start().await;
    let (mut bus, channels) = listening(cluster.url()).await;
    let first = bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap().remove(0);
    let to = cluster.migrate(cluster.slot("{user:42}").await).await;
    until_missed(&mut bus).await;
    // The links to the others have stayed, and so has the health.
    assert_eq!(bus.metrics.bus_disconnections.get(), 0);
    // The first publish after the move is a batch: all of it has to follow the slot, in its order.
    a_batch_keeps_its_order(&mut bus).await;
    all_are_heard(&mut bus, &channels).await;
    let log = bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap().remove(0);
    assert_eq!(log[0], first[0], "the log has moved along");
    let there: Vec<String> =
        cluster.nodes()[to].ask(&["PUBSUB", "SHARDCHANNELS", "wb:{user:42}:announce"]).await.unwrap();
    assert_eq!(there.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_forgotten_by_every_node_are_sent_again() {
    let cluster = Cluster::start().await;
    let (mut bus, channels) = listening(cluster.url()).await;
    for node in cluster.nodes() {
        node.ask::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    let batch: Vec<Prepared> = channels.iter().map(|channel| prepared(channel.as_str(), "all", "1")).collect();
    assert!(bus.bus.publish(&batch).await.iter().all(Result::is_ok));
    for _ in &batch {
        bus.event().await;
    }
    a_batch_keeps_its_order(&mut bus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_with_a_password() {
    let cluster = Cluster::start_with_password("correct-horse").await;
    let (mut bus, channels) = listening(cluster.url()).await;
    all_are_heard(&mut bus, &channels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_with_passwords() {
    let mut servers = Sentinels::start_with_passwords("correct-horse", "battery").await;
    let (mut bus, channels) = listening(servers.url()).await;
    servers.primary().await.kill();
    crash_and_failover(&mut bus, &channels).await;
}
