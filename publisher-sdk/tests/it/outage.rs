//! `enqueue` during outages of Redis.

use std::time::{Duration, Instant};

use crate::support::{Redis, numbered};
use wirebell_publisher::{Builder, Counters, Enqueued, Flushed, Publisher, Retention};

const PATIENCE: Duration = Duration::from_secs(20);

fn builder(redis: &Redis) -> Builder {
    Publisher::builder(&redis.url()).retention(Retention { log_events: 100_000, ..Retention::default() })
}

fn assert_sums_up(counters: &Counters) {
    assert_eq!(counters.enqueued, counters.published + counters.refused + counters.waiting, "{counters:?}");
}

#[tokio::test]
async fn events_enqueued_during_an_outage_arrive_once_and_in_order() {
    let mut redis = Redis::stopped(&[]);
    let started = Instant::now();
    let publisher = builder(&redis).connect().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(3), "a service must start without Redis");
    for number in 0..2_000 {
        assert!(publisher.enqueue(numbered("user:1", number)).is_accepted());
    }
    assert_eq!(publisher.flush(Duration::from_millis(200)).await, Flushed::TimedOut { waiting: 2_000 });
    redis.run();
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    assert_eq!(redis.numbers("user:1"), (0..2_000).collect::<Vec<_>>());
    let counters = publisher.counters();
    assert_eq!((counters.published, counters.waiting, counters.waiting_bytes), (2_000, 0, 0), "{counters:?}");
    assert!(counters.retried > 0, "{counters:?}");
    assert_sums_up(&counters);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_arrive_exactly_once_through_a_crash_of_redis() {
    let mut redis = Redis::start(&[]);
    let publisher = builder(&redis).connect().await.unwrap();
    let source = publisher.clone();
    let traffic = tokio::spawn(async move {
        for number in 0..6_000 {
            assert!(source.enqueue(numbered("user:1", number)).is_accepted());
            if number % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        // This loses replies but not Redis: events in flight may or may not have been stored.
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("NORMAL").exec(&mut redis.client()).unwrap();
    }
    // One kill only. If the kill splits a script's writes, Redis truncates its file after the last
    // whole command and not before the transaction: a second load would restore the first half.
    redis.kill();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_sums_up(&publisher.counters());
    redis.run();
    traffic.await.unwrap();
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let numbers = redis.numbers("user:1");
    let wrong = numbers.iter().zip(0..).find(|(found, expected)| **found != *expected);
    assert_eq!((numbers.len(), wrong), (6_000, None), "length, and the first number out of order");
    assert!(publisher.counters().retried > 0, "the outage must affect some events: {:?}", publisher.counters());
}

#[tokio::test]
async fn full_buffer_returns_the_event() {
    let redis = Redis::stopped(&[]);
    let publisher = builder(&redis).buffer_events(3).connect_lazy().unwrap();
    for number in 0..3 {
        assert!(publisher.enqueue(numbered("user:1", number)).is_accepted());
    }
    let answer = publisher.enqueue(numbered("user:1", 3).id("too-many").unwrap());
    assert!(matches!(&answer, Enqueued::Full(event) if event.event_id() == Some("too-many")), "{answer:?}");
    let counters = publisher.counters();
    assert_eq!((counters.enqueued, counters.dropped, counters.waiting), (3, 1, 3));

    let bytes = numbered("user:1", 0).id("x").unwrap().time("2026-11-21T10:00:00.123Z").unwrap().to_json().len();
    let narrow = builder(&redis).buffer_bytes(2 * bytes).connect_lazy().unwrap();
    let same = || numbered("user:1", 0).id("x").unwrap();
    assert!(narrow.enqueue(same()).is_accepted() && narrow.enqueue(same()).is_accepted());
    assert!(matches!(narrow.enqueue(same()), Enqueued::Full(_)));
}

#[tokio::test]
async fn close_flushes_and_rejects_further_events() {
    let redis = Redis::start(&[]);
    let publisher = builder(&redis).connect().await.unwrap();
    for number in 0..500 {
        assert!(publisher.enqueue(numbered("user:1", number)).is_accepted());
    }
    assert_eq!(publisher.close(PATIENCE).await, Flushed::Done);
    assert_eq!(redis.numbers("user:1").len(), 500);
    assert!(matches!(publisher.enqueue(numbered("user:1", 1)), Enqueued::Closed(_)));
    publisher.publish(numbered("user:1", 500)).await.unwrap();

    let lost = Redis::stopped(&[]);
    let publisher = builder(&lost).connect_lazy().unwrap();
    assert!(publisher.enqueue(numbered("user:1", 1)).is_accepted());
    assert_eq!(publisher.close(Duration::from_millis(50)).await, Flushed::TimedOut { waiting: 1 });
}

#[tokio::test]
async fn dropping_the_last_publisher_closes_its_connection() {
    let redis = Redis::start(&[]);
    let publisher = builder(&redis).connect().await.unwrap();
    assert!(publisher.enqueue(numbered("user:1", 1)).is_accepted());
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let ours = || {
        let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut redis.client()).unwrap();
        list.contains("cmd=evalsha")
    };
    let second = publisher.clone();
    drop(publisher);
    assert!(ours(), "a clone keeps the connection");
    drop(second);
    let deadline = Instant::now() + PATIENCE;
    while ours() {
        assert!(Instant::now() < deadline, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn permanently_rejected_event_is_counted_and_skipped() {
    let redis = Redis::start(&[]);
    redis::cmd("SET").arg("wb:{user:bad}:log").arg("not a stream").exec(&mut redis.client()).unwrap();
    let publisher = builder(&redis).connect().await.unwrap();
    for name in ["user:1", "user:bad", "user:1"] {
        assert!(publisher.enqueue(numbered(name, 1)).is_accepted());
    }
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let counters = publisher.counters();
    assert_eq!((counters.published, counters.refused, counters.retried), (2, 1, 0));
    assert_sums_up(&counters);
}

#[test]
fn enqueue_needs_no_runtime_and_reports_closed_after_its_runtime_ended() {
    let mut redis = Redis::stopped(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let publisher = runtime.block_on(async { builder(&redis).connect_lazy().unwrap() });
    assert!(publisher.enqueue(numbered("user:1", 1)).is_accepted());
    redis.run();
    assert_eq!(runtime.block_on(publisher.flush(PATIENCE)), Flushed::Done);
    drop(runtime);
    assert!(matches!(publisher.enqueue(numbered("user:1", 2)), Enqueued::Closed(_)));
    assert_eq!(redis.numbers("user:1"), [1]);
}
