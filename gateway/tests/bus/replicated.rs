//! `durability: "replicated"`: a confirmed event survives a failover, and an event without a
//! replica is not confirmed.

use gateway::bus::BusError;
use wirebell_protocol::{Cursor, Durability, Prepared};
use wirebell_tests::redis::{Cluster, Sentinels};

use crate::fixture::{Fixture, at, event, redis, user, wait_until_down, wait_until_up};

fn replicated(id: &str) -> Prepared {
    Prepared::all(&event("user:42", id, "1").durability(Durability::Replicated).unwrap()).remove(0)
}

/// Publishes a batch, and returns the cursors of its confirmed events.
async fn publish_confirmed(bus: &Fixture) -> Vec<Cursor> {
    let events: Vec<Prepared> = (0..300).map(|number| replicated(&number.to_string())).collect();
    let answers = bus.bus.publish(&events).await;
    let cursors: Vec<Cursor> = answers.into_iter().filter_map(|answer| answer.ok()?.cursor).collect();
    assert!(!cursors.is_empty(), "a replica is available");
    cursors
}

/// Asserts that no confirmed event is missing. The log keeps the newest events, so its end is
/// checked.
async fn assert_none_lost(bus: &Fixture, cursors: &[Cursor]) {
    let ends = bus.bus.subscribe(&[user()]).await.unwrap();
    assert!(ends[0].log >= cursors[cursors.len() - 1], "the last confirmed event is lost");
    let after = cursors[cursors.len() - 10];
    let log = bus.bus.read(&[(user(), after)], 1_000).await.unwrap().remove(0);
    for cursor in cursors.iter().filter(|cursor| **cursor > after) {
        assert!(
            log.iter().any(|event| event.position.is_some_and(|position| position.cursor == *cursor)),
            "{cursor} is lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_failover_loses_no_confirmed_event() {
    let mut servers = Sentinels::start().await;
    let bus = at(servers.url(), wirebell_protocol::Keys::default()).await;
    let cursors = publish_confirmed(&bus).await;
    servers.primary().await.kill();
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    assert_none_lost(&bus, &cursors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_failover_loses_no_confirmed_event() {
    let mut cluster = Cluster::start_with_replicas().await;
    let bus = at(cluster.url(), wirebell_protocol::Keys::default()).await;
    let cursors = publish_confirmed(&bus).await;
    let owner = cluster.owner(cluster.slot("{user:42}").await, 0).await;
    cluster.kill(owner);
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    assert_none_lost(&bus, &cursors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicated_event_fails_without_a_replica_and_blocks_no_other_event() {
    let bus = redis().await;
    let (one, shared) = (replicated("a"), bus.bus.clone());
    let waiting = tokio::spawn(async move { shared.publish(&[one]).await });
    // Other events use separate connections.
    assert!(bus.publish("user:42", "b", "1").await.cursor.is_some());
    assert!(!waiting.is_finished(), "the publish waits for a replica");
    let answer = waiting.await.unwrap();
    assert!(matches!(answer.as_slice(), [Err(BusError::Unavailable(_))]), "{answer:?}");
    // The primary has the event, so publishing it again under the same id is safe.
    let again = bus.publish("user:42", "a", "1").await;
    assert!(again.duplicate);
    let answer = bus.bus.publish(&[replicated("a")]).await;
    assert!(
        matches!(answer.as_slice(), [Err(BusError::Unavailable(_))]),
        "a duplicate also waits for a replica: {answer:?}"
    );
}
