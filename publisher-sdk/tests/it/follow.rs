//! The stream of receipts.

use std::time::Duration;

use crate::support::{Bus, Redis};
use futures_util::StreamExt;
use wirebell_protocol::tracking::{Alarm, Timer, finish};
use wirebell_publisher::{Channel, DeliveryUpdate, Follow, Keys, Publisher, Receipts, State};
use wirebell_tests::redis::Cluster;

const PATIENCE: Duration = Duration::from_secs(20);

/// Writes receipts with this outcome, as a node would.
async fn finish_events(bus: &impl Bus, ids: std::ops::Range<u64>, outcome: &str) {
    for id in ids {
        let timer = Timer { channel: Channel::parse("user:1").unwrap(), id: format!("e{id}") };
        let shard = timer.shard();
        bus.command::<()>(&["ZADD", &Keys::default().timers(shard), "1", &timer.member()]).await;
        let alarm = Alarm::Final { state: outcome.to_owned(), at: id };
        assert_eq!(bus.run::<i64>(finish(&Keys::default(), &timer, &alarm)).await, 1);
    }
}

/// Makes the group's unacknowledged entries look a minute old.
async fn age(bus: &impl Bus) -> usize {
    let mut aged = 0;
    for shard in wirebell_protocol::Shard::all() {
        let key = Keys::default().receipts(shard);
        let pending: Vec<(String, String, u64, u64)> =
            bus.command(&["XPENDING", &key, "orders", "-", "+", "100"]).await;
        for (id, reader, ..) in &pending {
            let claim = ["XCLAIM", &key, "orders", reader, "0", id, "IDLE", "61000", "JUSTID"];
            bus.command::<redis::Value>(&claim).await;
        }
        aged += pending.len();
    }
    aged
}

async fn next(receipts: &mut Receipts) -> DeliveryUpdate {
    tokio::time::timeout(PATIENCE, receipts.next()).await.unwrap()
}

async fn is_followed(bus: impl Bus + Sync, url: &str) {
    let publisher = Publisher::connect(url).await.unwrap();
    finish_events(&bus, 0..20, "acknowledged").await;
    let mut now = publisher.follow(&Follow::Now).unwrap();
    // Following begins with the first poll.
    assert!(tokio::time::timeout(Duration::from_millis(300), now.next()).await.is_err());
    finish_events(&bus, 20..60, "acknowledged").await;
    finish_events(&bus, 60..62, "expired").await;
    let mut updates = Vec::new();
    for _ in 20..62 {
        updates.push(next(&mut now).await);
    }
    updates.sort_by_key(|update| update.at);
    assert_eq!(updates.iter().map(|update| update.at).collect::<Vec<_>>(), (20..62).collect::<Vec<_>>());
    let channel = Channel::parse("user:1").unwrap();
    let expired = DeliveryUpdate { id: "e61".to_owned(), channel, outcome: State::Expired, at: 61 };
    assert_eq!(updates.last(), Some(&expired));

    // Two readers of a group share all updates, older ones included; a third continues where they
    // stopped.
    let group = || publisher.follow(&Follow::Group("orders".to_owned())).unwrap();
    let (mut one, mut other) = (group(), group());
    let mut shared = Vec::new();
    for _ in 0..31 {
        shared.push(next(&mut one).await.at);
    }
    one.commit().await.unwrap();
    drop(one);
    // Entries that the first reader read ahead go to the other after a minute.
    let silent = tokio::time::timeout(Duration::from_millis(300), other.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    let aged = age(&bus).await;
    assert_eq!(aged, 31);
    for _ in 0..aged {
        shared.push(next(&mut other).await.at);
    }
    shared.sort_unstable();
    assert_eq!(shared, (0..62).collect::<Vec<_>>());
    finish_events(&bus, 62..63, "fallen_back").await;
    assert_eq!(next(&mut other).await.outcome, State::FallenBack);
    let mut expired = Box::pin(group().only(|update| update.outcome == State::Expired).into_stream());
    assert!(tokio::time::timeout(Duration::from_millis(300), expired.next()).await.is_err());
    finish_events(&bus, 63..64, "cancelled").await;
    finish_events(&bus, 64..65, "expired").await;
    drop(other);
    assert_eq!(tokio::time::timeout(PATIENCE, expired.next()).await.unwrap().unwrap().id, "e64");
}

#[tokio::test]
async fn updates_are_followed_alone_and_shared_by_a_group() {
    let redis = Redis::start(&[]);
    is_followed(&redis, &redis.url()).await;
}

#[tokio::test]
async fn updates_are_followed_in_a_cluster() {
    let cluster = Cluster::start().await;
    is_followed(&cluster, &cluster.url()).await;
}
