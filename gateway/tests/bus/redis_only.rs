//! Failures that only a bus on Redis can have.

use gateway::bus::{BusError, Delivery};
use wirebell_protocol::{Channel, Cursor};
use wirebell_tests::redis::Redis;

use crate::fixture::{self, Fixture, next, prepared, user, wait_until_down, wait_until_up};

async fn command(server: &Redis, args: &[&str]) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(args[0]).arg(&args[1..]).exec_async(&mut connection).await.unwrap();
}

/// Reads deliveries until [`Delivery::MissedAny`].
pub(crate) async fn until_missed(bus: &mut Fixture) {
    while next(&mut bus.deliveries).await != Delivery::MissedAny {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_redis_is_subscribed_again() {
    let mut bus = fixture::on(Redis::start_durable().await).await;
    let channels: Vec<Channel> = (0..1_200).map(|n| Channel::user(&n.to_string()).unwrap()).collect();
    bus.bus.subscribe(&channels).await.unwrap();
    let before = bus.publish("user:7", "before", "1").await;
    bus.event().await;

    bus.server.as_mut().unwrap().kill();
    wait_until_down(&*bus.bus).await;
    let rejected = bus.bus.publish(&[prepared("user:7", "meanwhile", "1")]).await;
    assert!(matches!(rejected.as_slice(), [Err(BusError::Unavailable(_))]), "{rejected:?}");

    bus.server.as_mut().unwrap().restart().await;
    until_missed(&mut bus).await;
    wait_until_up(&*bus.bus).await;
    for number in [0, 499, 500, 1_199] {
        assert_eq!(bus.publish(&format!("user:{number}"), "after", "1").await.nodes, 1, "user:{number}");
        assert_eq!(bus.event().await.channel, channels[number]);
    }
    assert_eq!(bus.publish("user:7", "before", "1").await.cursor, before.cursor);
    assert!(bus.metrics.bus_resubscriptions.get() >= 1_200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_subscription_is_restored_and_missed_events_are_in_the_log() {
    let mut bus = fixture::redis().await;
    bus.bus.subscribe(&[user()]).await.unwrap();
    let server = bus.server.as_ref().unwrap();
    command(server, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    let missed = bus.publish("user:42", "missed", "1").await;
    until_missed(&mut bus).await;
    let found = bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap().remove(0);
    assert_eq!(found[0].position.map(|position| position.cursor), missed.cursor);
    assert_eq!(bus.publish("user:42", "after", "1").await.nodes, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed_script_is_loaded_again_in_order() {
    let mut bus = fixture::redis().await;
    bus.bus.subscribe(&[user()]).await.unwrap();
    bus.publish("user:42", "first", "1").await;
    bus.event().await;
    command(bus.server.as_ref().unwrap(), &["SCRIPT", "FLUSH"]).await;
    let batch: Vec<_> = (0..40).map(|n| prepared("user:42", &n.to_string(), "1")).collect();
    let answers = bus.bus.publish(&batch).await;
    for answer in answers {
        assert_eq!(bus.event().await.position.map(|position| position.cursor), answer.unwrap().cursor);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_messages_are_counted_and_ignored() {
    let mut bus = fixture::redis().await;
    bus.bus.subscribe(&[user()]).await.unwrap();
    command(bus.server.as_ref().unwrap(), &["SPUBLISH", "wb:{user:42}:announce", "not an announcement"]).await;
    bus.publish("user:42", "a", "1").await;
    assert_eq!(bus.event().await.channel, user());
    assert_eq!(bus.metrics.bus_unreadable.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timer_fires_for_an_event_published_after_it() {
    let bus = fixture::redis().await;
    let event = fixture::event("user:42", "late", "1").deadline(1).unwrap();
    let prepared = wirebell_protocol::Prepared::all(&event).remove(0);
    // The publisher's first attempt has only set the timer.
    let (keys, retention) = (wirebell_protocol::Keys::default(), fixture::RETENTION);
    let call = wirebell_protocol::tracking::register(&keys, &prepared, &retention).unwrap();
    let (count, source) = (call.keys.len().to_string(), call.script.source());
    let words = [&["EVAL", source, &count][..]].concat();
    let rest: Vec<&str> = call.keys.iter().chain(&call.arguments).map(String::as_str).collect();
    command(bus.server.as_ref().unwrap(), &[words, rest].concat()).await;
    // The timer has fired, and found no record.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert!(bus.bus.receipts("late").await.unwrap().is_empty());
    bus.bus.publish(&[prepared]).await;
    let fallback = async {
        while bus.bus.fallbacks(1).await.unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(fixture::PATIENCE, fallback).await.expect("the deadline still applies");
}
