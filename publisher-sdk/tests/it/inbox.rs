//! Services on the inbox. The tests write to it with the script that a node would call.

use std::collections::HashMap;
use std::time::Duration;

use crate::seen::Seen;
use crate::support::{Bus, Redis, eventually};
use wirebell_protocol::inbox::{self, Bounds, Emission, Emitter};
use wirebell_publisher::{Backlog, Inbox, InboxBuilder, InboxEvent, Keys};
use wirebell_tests::redis::Cluster;

const PATIENCE: Duration = Duration::from_secs(20);
const SERVICE: &str = "chat";

/// Emits events with these numbers from `users` different users, as a node does for its clients.
async fn emit(bus: &impl Bus, numbers: std::ops::Range<usize>, users: usize) {
    for number in numbers {
        let user = format!("u{}", number % users);
        let connection = "k3j9x2ma.1f".parse().unwrap();
        let from = Emitter { user: &user, device: None, connection };
        let (kind, data, reference) = ("send".to_owned(), number.to_string().into(), Some("8".to_owned()));
        let emission = Emission { kind, data, id: None, traceparent: None, reference };
        let call = inbox::emit(&Keys::default(), &from, &emission, &format!("e{number}"), &Bounds::default());
        let words: Vec<String> = bus.run(call).await;
        assert_eq!(words[0], "new");
    }
}

fn builder(url: &str) -> InboxBuilder {
    Inbox::builder(url, SERVICE).backoff(Duration::from_millis(20), Duration::from_millis(100))
}

fn run(inbox: &Inbox) -> tokio::task::JoinHandle<()> {
    let running = inbox.clone();
    tokio::spawn(async move { running.run().await })
}

async fn two_workers_share_all(bus: impl Bus + Sync, url: &str) {
    emit(&bus, 0..40, 20).await;
    let seen = Seen::default();
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = builder(url).at_once(4).connect().await.unwrap();
        let seen = seen.clone();
        worker.on("send", move |event: InboxEvent| {
            seen.note(&event.id);
            async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                event.data::<u32>().map(|number| format!("e{number}"))
            }
        });
        let running = run(&worker);
        workers.push((worker, running));
    }
    emit(&bus, 40..80, 20).await;
    eventually(|| async { workers.iter().map(|(worker, _)| worker.counters().done).sum::<u64>() == 80 }).await;
    assert!(seen.len() == 80 && seen.all_once(), "{seen:?}");
    assert_eq!(workers[0].0.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 0 });
    for (worker, running) in workers {
        assert_eq!(worker.close(PATIENCE).await, 0);
        running.await.unwrap();
    }
}

#[tokio::test]
async fn workers_share_stored_and_new_events() {
    let redis = Redis::start(&[]);
    two_workers_share_all(&redis, &redis.url()).await;
}

#[tokio::test]
async fn workers_share_events_in_a_cluster() {
    let cluster = Cluster::start().await;
    two_workers_share_all(&cluster, &cluster.url()).await;
}

#[tokio::test]
async fn failed_event_is_retried_and_ends_as_a_dead_letter() {
    let redis = Redis::start(&[]);
    emit(&&redis, 0..10, 10).await;
    let worker = builder(&redis.url()).tries(3).connect().await.unwrap();
    let seen = Seen::default();
    worker.on("send", move |event: InboxEvent| {
        let count = seen.note(&event.id);
        assert_eq!(event.tries, count, "attempts are counted");
        // The first event always fails; the others succeed at the second attempt.
        let fails = event.id == "e0" || count < 2;
        async move { if fails { Err("nobody answers") } else { Ok(()) } }
    });
    run(&worker);
    eventually(|| async { worker.counters().dead == 1 && worker.counters().done == 9 }).await;
    let counters = worker.counters();
    assert_eq!((counters.handed_out, counters.failed), (3 + 9 * 2, 3 + 9), "{counters:?}");
    assert_eq!(worker.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 1 });
    let key = Keys::default().inbox_dead(wirebell_protocol::Shard::of("u0"));
    let dead: Vec<(String, HashMap<String, String>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(&mut redis.client()).unwrap();
    let letter = &dead[0].1;
    for (name, value) in [
        ("id", "e0"),
        ("type", "send"),
        ("user", "u0"),
        ("data", "0"),
        ("connection", "k3j9x2ma.1f"),
        ("ref", "8"),
        ("tries", "3"),
        ("reason", "nobody answers"),
        ("group", SERVICE),
    ] {
        assert_eq!(letter[name], value, "{letter:?}");
    }
}

#[tokio::test]
async fn reply_that_is_too_large_counts_as_a_failure() {
    let redis = Redis::start(&[]);
    emit(&&redis, 0..1, 1).await;
    let worker = builder(&redis.url()).tries(1).connect().await.unwrap();
    worker.on("send", |_: InboxEvent| async { Ok::<_, String>("x".repeat(1_048_576)) });
    run(&worker);
    eventually(|| async { worker.counters().dead == 1 }).await;
    assert_eq!(worker.counters().done, 0);
}

#[tokio::test]
async fn worker_takes_over_from_one_that_dies_within_a_batch() {
    let redis = Redis::start(&[]);
    emit(&&redis, 0..20, 20).await;
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
    held.pop().unwrap().done(&1).await.unwrap();
    // The process dies without releasing its entries.
    drop(dying);
    let seen = Seen::default();
    for _ in 0..19 {
        let claim = tokio::time::timeout(PATIENCE, other.next()).await.unwrap().unwrap();
        assert_eq!(claim.tries, 2);
        seen.note(&claim.id);
        claim.done(&2).await.unwrap();
    }
    assert!(seen.len() == 19 && seen.all_once(), "{seen:?}");
    assert_eq!(other.counters().taken_over, 19);
    // Late results of the dead worker are harmless.
    for claim in held {
        claim.done(&3).await.unwrap();
    }
    assert_eq!(other.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 0 });
}

#[tokio::test]
async fn events_waiting_for_a_retry_survive_an_outage() {
    let mut redis = Redis::start(&[]);
    emit(&&redis, 0..10, 10).await;
    let wait = Duration::from_millis(700);
    // A long `gone_after`, so that a takeover cannot hide a lost retry.
    let worker =
        builder(&redis.url()).backoff(wait, wait).gone_after(Duration::from_secs(600)).connect().await.unwrap();
    worker.on("send", |event: InboxEvent| async move { if event.tries == 1 { Err("not yet") } else { Ok(()) } });
    run(&worker);
    eventually(|| async { worker.counters().failed == 10 }).await;
    redis.kill();
    tokio::time::sleep(2 * wait).await;
    redis.run();
    redis.wait_loaded();
    eventually(|| async { worker.counters().done == 10 }).await;
}

#[tokio::test]
async fn events_of_one_user_are_handled_in_sequence_without_blocking_other_users() {
    let redis = Redis::start(&[]);
    emit(&&redis, 0..3, 1).await;
    let worker = builder(&redis.url()).connect().await.unwrap();
    let first = worker.next().await.unwrap();
    assert_eq!(first.id, "e0");
    let nothing = tokio::time::timeout(Duration::from_millis(300), worker.next()).await;
    assert!(nothing.is_err(), "the same user's next event: {nothing:?}");
    emit(&&redis, 5..6, 9).await;
    assert_eq!(worker.next().await.unwrap().user, "u5", "another user's");
    first.done(&()).await.unwrap();
    assert_eq!(worker.next().await.unwrap().id, "e1");
}

#[tokio::test]
async fn unhandled_type_is_skipped_and_unreadable_entry_becomes_a_dead_letter() {
    let redis = Redis::start(&[]);
    let key = Keys::default().inbox(wirebell_protocol::Shard::of("u0"));
    redis::cmd("XADD").arg(&key).arg("*").arg("hello").arg("world").exec(&mut redis.client()).unwrap();
    emit(&&redis, 0..4, 2).await;
    let worker = builder(&redis.url()).connect().await.unwrap();
    worker.on("something-else", |_: InboxEvent| async { Ok::<_, String>(()) });
    run(&worker);
    eventually(|| async { worker.counters().done == 4 && worker.counters().dead == 1 }).await;
    assert_eq!(worker.backlog().await.unwrap(), Backlog { lag: Some(0), pending: 0, dead: 1 });
}
