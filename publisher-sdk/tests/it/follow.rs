//! The stream of receipts.

use std::time::Duration;

use crate::support::{Bus, Redis};
use futures_util::StreamExt;
use wirebell_protocol::tracking::{Alarm, Timer, finish};
use wirebell_publisher::{Channel, Follow, Keys, Publisher, Receipts, State, Told};
use wirebell_tests::redis::Cluster;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a node does when this has become of the events.
async fn tell(bus: &impl Bus, ids: std::ops::Range<u64>, outcome: &str) {
    for id in ids {
        let timer = Timer { channel: Channel::parse("user:1").unwrap(), id: format!("e{id}") };
        let shard = timer.shard();
        bus.command::<()>(&["ZADD", &Keys::default().timers(shard), "1", &timer.member()]).await;
        let alarm = Alarm::Outcome { what: outcome.to_owned(), at: id };
        assert_eq!(bus.run::<i64>(finish(&Keys::default(), &timer, &alarm)).await, 1);
    }
}

/// As if a minute and more had passed since the group's readers took what they have not attended to.
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

async fn next(receipts: &mut Receipts) -> Told {
    tokio::time::timeout(PATIENCE, receipts.next()).await.unwrap()
}

async fn is_followed(bus: impl Bus + Sync, url: &str) {
    let publisher = Publisher::connect(url).await.unwrap();
    tell(&bus, 0..20, "acknowledged").await;
    let mut now = publisher.follow(&Follow::Now).unwrap();
    // It begins when it is first asked.
    assert!(tokio::time::timeout(Duration::from_millis(300), now.next()).await.is_err());
    tell(&bus, 20..60, "acknowledged").await;
    tell(&bus, 60..62, "expired").await;
    let mut told = Vec::new();
    for _ in 20..62 {
        told.push(next(&mut now).await);
    }
    told.sort_by_key(|told| told.at);
    assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), (20..62).collect::<Vec<_>>());
    let expired =
        Told { id: "e61".to_owned(), channel: Channel::parse("user:1").unwrap(), outcome: State::Expired, at: 61 };
    assert_eq!(told.last(), Some(&expired));

    // Two readers of a group share what there is, also what was told before; a third goes on where they were.
    let group = || publisher.follow(&Follow::Group("orders".to_owned())).unwrap();
    let (mut one, mut other) = (group(), group());
    let mut shared = Vec::new();
    for _ in 0..31 {
        shared.push(next(&mut one).await.at);
    }
    one.commit().await.unwrap();
    drop(one);
    // What it had read ahead is the other's once it has been silent for long enough.
    let silent = tokio::time::timeout(Duration::from_millis(300), other.next()).await;
    assert!(silent.is_err(), "{silent:?}");
    let aged = age(&bus).await;
    assert_eq!(aged, 31);
    for _ in 0..aged {
        shared.push(next(&mut other).await.at);
    }
    shared.sort_unstable();
    assert_eq!(shared, (0..62).collect::<Vec<_>>());
    tell(&bus, 62..63, "fallen_back").await;
    assert_eq!(next(&mut other).await.outcome, State::FallenBack);
    let mut expired = Box::pin(group().only(|told| told.outcome == State::Expired).into_stream());
    assert!(tokio::time::timeout(Duration::from_millis(300), expired.next()).await.is_err());
    tell(&bus, 63..64, "cancelled").await;
    tell(&bus, 64..65, "expired").await;
    drop(other);
    assert_eq!(tokio::time::timeout(PATIENCE, expired.next()).await.unwrap().unwrap().id, "e64");
}

#[tokio::test]
async fn receipts_are_a_stream() {
    let redis = Redis::start(&[]);
    is_followed(&redis, &redis.url()).await;
}

#[tokio::test]
async fn receipts_are_a_stream_in_a_cluster() {
    let cluster = Cluster::start().await;
    is_followed(&cluster, &cluster.url()).await;
}
