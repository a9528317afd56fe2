//! `durability: "replicated"`: what was confirmed is there after a failover, and what no replica has is not confirmed.

use gateway::bus::BusError;
use wirebell_protocol::{Cursor, Durability, Prepared};
use wirebell_tests::redis::{Cluster, Sentinels};

use crate::fixture::{Fixture, at, event, redis, user, wait_until_down, wait_until_up};

fn replicated(id: &str) -> Prepared {
    Prepared::all(&event("user:42", id, "1").durability(Durability::Replicated).unwrap()).remove(0)
}

/// Publishes a batch, and hands over what was confirmed of it.
async fn confirmed(bus: &Fixture) -> Vec<Cursor> {
    let events: Vec<Prepared> = (0..300).map(|number| replicated(&number.to_string())).collect();
    let answers = bus.bus.publish(&events).await;
    let cursors: Vec<Cursor> = answers.into_iter().filter_map(|answer| answer.ok()?.cursor).collect();
    assert!(!cursors.is_empty(), "a replica is there");
    cursors
}

/// Nothing that was confirmed is missing. The log keeps the newest, so it is its end that tells.
async fn is_all_there(bus: &Fixture, cursors: &[Cursor]) {
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
async fn sentinels_lose_nothing_that_was_confirmed() {
    let mut servers = Sentinels::start().await;
    let bus = at(servers.url(), wirebell_protocol::Keys::default()).await;
    let cursors = confirmed(&bus).await;
    servers.primary().await.kill();
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    is_all_there(&bus, &cursors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_loses_nothing_that_was_confirmed() {
    let mut cluster = Cluster::start_with_replicas().await;
    let bus = at(cluster.url(), wirebell_protocol::Keys::default()).await;
    let cursors = confirmed(&bus).await;
    let owner = cluster.owner(cluster.slot("{user:42}").await, 0).await;
    cluster.kill(owner);
    wait_until_down(&*bus.bus).await;
    wait_until_up(&*bus.bus).await;
    is_all_there(&bus, &cursors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_replica_it_is_not_confirmed_and_nobody_else_waits() {
    let bus = redis().await;
    let (one, shared) = (replicated("a"), bus.bus.clone());
    let waiting = tokio::spawn(async move { shared.publish(&[one]).await });
    // The others have connections of their own.
    assert!(bus.publish("user:42", "b", "1").await.cursor.is_some());
    assert!(!waiting.is_finished(), "a replica has some time to answer");
    let answer = waiting.await.unwrap();
    assert!(matches!(answer.as_slice(), [Err(BusError::Unavailable(_))]), "{answer:?}");
    // The primary has it: trying again as the same event is safe.
    let again = bus.publish("user:42", "a", "1").await;
    assert!(again.duplicate);
    let answer = bus.bus.publish(&[replicated("a")]).await;
    assert!(matches!(answer.as_slice(), [Err(BusError::Unavailable(_))]), "again is no shortcut: {answer:?}");
}
