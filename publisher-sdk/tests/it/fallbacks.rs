//! Workers on the fallback stream. The tests write to it with the script that a node would call.

use std::collections::HashMap;
use std::time::Duration;

use crate::seen::Seen;
use crate::support::{Bus, Redis, eventually};
use wirebell_protocol::tracking::{Alarm, Timer, finish};
use wirebell_publisher::{Backlog, Channel, ConnectError, Fallback, Fallbacks, FallbacksBuilder, Keys, Publisher};
use wirebell_tests::redis::Cluster;

const PATIENCE: Duration = Duration::from_secs(20);
const GROUP: &str = "text-messages";

/// Adds events to the fallback stream, as a node does after their deadline.
async fn fall_back(bus: &impl Bus, ids: std::ops::Range<usize>) {
    for id in ids {
        let timer = Timer { channel: Channel::parse("user:1").unwrap(), id: format!("e{id}") };
        let frame = format!(r#"{{"type":"t","id":"e{id}","data":{id}}}"#);
        let first = bus.run::<i64>(finish(&Keys::default(), &timer, &Alarm::Fallback { at: 7, frame })).await;
        assert_eq!(first, 1);
    }
}

fn builder(url: &str) -> FallbacksBuilder {
    Fallbacks::builder(url, GROUP).backoff(Duration::from_millis(20), Duration::from_millis(100))
}

async fn two_workers_share_all(bus: impl Bus + Sync, url: &str) {
    fall_back(&bus, 0..40).await;
    let seen = Seen::default();
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = builder(url).at_once(4).connect().await.unwrap();
        let (seen, running) = (seen.clone(), worker.clone());
        let handler = move |fallback: Fallback| {
            seen.note(&fallback.id);
            assert_eq!(format!("e{}", fallback.data::<u32>().unwrap()), fallback.id);
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok::<_, String>(())
            }
        };
        workers.push((worker, tokio::spawn(async move { running.run(handler).await })));
    }
    fall_back(&bus, 40..80).await;
    eventually(|| async { workers.iter().map(|(worker, _)| worker.counters().done).sum::<u64>() == 80 }).await;
    assert!(seen.len() == 80 && seen.all_once(), "{seen:?}");
    let backlog = workers[0].0.backlog().await.unwrap();
    assert_eq!(backlog, Backlog { lag: Some(0), pending: 0, dead: 0 });
    for (worker, running) in workers {
        assert_eq!(worker.close(PATIENCE).await, 0);
        running.await.unwrap();
    }
    let key = Keys::default().fallback(wirebell_protocol::Shard::of("e0"));
    let left: Vec<redis::Value> = bus.command(&["XINFO", "CONSUMERS", &key, GROUP]).await;
    assert!(left.is_empty(), "closed workers leave the group: {left:?}");
}

#[tokio::test]
async fn each_fallback_goes_to_one_worker_of_the_group() {
    let redis = Redis::start(&[]);
    two_workers_share_all(&redis, &redis.url()).await;
    // Another group receives all of them as well.
    let other = Fallbacks::connect(&redis.url(), "another group").await.unwrap();
    for _ in 0..80 {
        other.next().await.unwrap().done().await.unwrap();
    }
}

#[tokio::test]
async fn each_fallback_goes_to_one_worker_in_a_cluster() {
    let cluster = Cluster::start().await;
    two_workers_share_all(&cluster, &cluster.url()).await;
}

#[tokio::test]
async fn failed_fallback_is_retried_and_ends_as_a_dead_letter() {
    let redis = Redis::start(&[]);
    fall_back(&&redis, 0..10).await;
    let worker = builder(&redis.url()).tries(3).connect().await.unwrap();
    let (seen, running, noted) = (Seen::default(), worker.clone(), Seen::default());
    let handler = {
        let seen = seen.clone();
        move |fallback: Fallback| {
            let count = seen.note(&fallback.id);
            assert_eq!(fallback.tries, count, "attempts are counted");
            noted.note(&fallback.id);
            // The first event always fails; the others succeed at the second attempt.
            let fails = fallback.id == "e0" || count < 2;
            async move { if fails { Err("nobody answers") } else { Ok(()) } }
        }
    };
    tokio::spawn(async move { running.run(handler).await });
    eventually(|| async { worker.counters().dead == 1 && worker.counters().done == 9 }).await;
    let counters = worker.counters();
    assert_eq!((counters.handed_out, counters.failed), (3 + 9 * 2, 3 + 9), "{counters:?}");
    assert_eq!(worker.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 1 });
    let key = Keys::default().dead_letters(wirebell_protocol::Shard::of("e0"));
    let dead: Vec<(String, HashMap<String, String>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(&mut redis.client()).unwrap();
    let letter = &dead[0].1;
    for (name, value) in
        [("id", "e0"), ("channel", "user:1"), ("tries", "3"), ("reason", "nobody answers"), ("group", GROUP)]
    {
        assert_eq!(letter[name], value, "{letter:?}");
    }
    assert!(letter["event"].contains("\"data\":0"), "{letter:?}");
}

#[tokio::test]
async fn worker_takes_over_from_one_that_dies() {
    let redis = Redis::start(&[]);
    fall_back(&&redis, 0..20).await;
    let gone_after = Duration::from_millis(600);
    let dying = builder(&redis.url()).gone_after(gone_after).at_once(20).connect().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(dying.next().await.unwrap());
    }
    let other = builder(&redis.url()).gone_after(gone_after).connect().await.unwrap();
    // While the first worker lives, its leases are respected, however slow it is.
    let nothing = tokio::time::timeout(Duration::from_millis(1_500), other.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    held.pop().unwrap().done().await.unwrap();
    // The process dies without releasing its entries.
    drop(dying);
    let mut seen = Seen::default();
    for _ in 0..19 {
        let claim = tokio::time::timeout(PATIENCE, other.next()).await.unwrap().unwrap();
        assert_eq!(claim.tries, 2);
        seen.note(&claim.id);
        claim.done().await.unwrap();
    }
    assert!(seen.len() == 19 && seen.all_once(), "{seen:?}");
    assert_eq!(other.counters().taken_over, 19);
    seen = Seen::default();
    // Late results of the dead worker are harmless.
    for claim in held {
        seen.note(&claim.id);
        claim.done().await.unwrap();
    }
    assert_eq!(other.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 0 });
}

#[tokio::test]
async fn close_waits_for_entries_in_flight_and_releases_the_rest() {
    let redis = Redis::start(&[]);
    let worker = builder(&redis.url()).at_once(2).connect().await.unwrap();
    fall_back(&&redis, 0..30).await;
    let (slow, running) = (Seen::default(), worker.clone());
    let handler = {
        let slow = slow.clone();
        move |fallback: Fallback| {
            let slow = slow.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                slow.note(&fallback.id);
                Ok::<_, String>(())
            }
        }
    };
    let running = tokio::spawn(async move { running.run(handler).await });
    eventually(|| async { worker.counters().handed_out > 0 }).await;
    assert_eq!(worker.close(PATIENCE).await, 0);
    running.await.unwrap();
    let done = usize::try_from(worker.counters().done).unwrap();
    assert!(done > 0 && done < 30 && slow.len() == done, "{done} {slow:?}");
    assert!(worker.next().await.is_none());
    // Released entries are available at once, not only after `gone_after` (half a minute).
    let other = builder(&redis.url()).connect().await.unwrap();
    for _ in done..30 {
        let claim = tokio::time::timeout(Duration::from_secs(5), other.next()).await.unwrap().unwrap();
        assert_eq!(claim.tries, 1, "releasing does not count as an attempt");
        claim.done().await.unwrap();
    }
}

#[tokio::test]
async fn worker_survives_a_restart_of_redis_and_deleted_streams() {
    let mut redis = Redis::start(&[]);
    let worker = builder(&redis.url()).connect().await.unwrap();
    fall_back(&&redis, 0..1).await;
    worker.next().await.unwrap().done().await.unwrap();
    redis.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.run();
    redis.wait_loaded();
    fall_back(&&redis, 1..2).await;
    let claim = tokio::time::timeout(PATIENCE, worker.next()).await.unwrap().unwrap();
    assert_eq!(claim.id, "e1");
    claim.done().await.unwrap();
    redis::cmd("FLUSHALL").exec(&mut redis.client()).unwrap();
    fall_back(&&redis, 2..3).await;
    let claim = tokio::time::timeout(PATIENCE, worker.next()).await.unwrap().unwrap();
    assert_eq!(claim.id, "e2");
}

#[tokio::test]
async fn unreadable_entry_becomes_a_dead_letter_and_the_server_api_has_no_streams() {
    let redis = Redis::start(&[]);
    let key = Keys::default().fallback(wirebell_protocol::Shard::of("e0"));
    redis::cmd("XADD").arg(&key).arg("*").arg("hello").arg("world").exec(&mut redis.client()).unwrap();
    fall_back(&&redis, 0..1).await;
    let worker = builder(&redis.url()).connect().await.unwrap();
    assert_eq!(worker.next().await.unwrap().id, "e0");
    assert_eq!(worker.backlog().await.unwrap().dead, 1);

    for (url, found) in [("http://127.0.0.1:9090", "server API"), ("nonsense", "no scheme")] {
        let error = Fallbacks::connect(url, GROUP).await.unwrap_err();
        assert!(matches!(error, ConnectError::Url { .. }) && error.to_string().contains(found), "{error}");
    }
    let error = builder(&redis.url()).prefix("a b").connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Prefix(_)), "{error}");
    let over_http = Publisher::connect("http://127.0.0.1:9090").await.unwrap();
    assert!(over_http.follow(&wirebell_publisher::Follow::Now).is_err());
}
