//! Events published with `Durability::Replicated`, and log bounds by channel pattern.

use std::time::{Duration, Instant};

use crate::support::{Redis, numbered};
use wirebell_publisher::{Channel, Class, Durability, Keys, PublishError, Publisher};
use wirebell_tests::redis::{self as servers, Sentinels};

const PATIENCE: Duration = Duration::from_secs(40);

async fn has(server: &servers::Redis, channel: &str) -> u64 {
    server.query(&["XLEN", &Keys::default().log(&Channel::parse(channel).unwrap())]).await.unwrap()
}

#[tokio::test]
async fn replicated_events_survive_the_loss_of_the_primary() {
    for _ in 0..3 {
        let mut servers = Sentinels::start().await;
        let builder = Publisher::builder(&servers.url()).timeout(PATIENCE).durability(Durability::Replicated);
        let publisher = builder.connect().await.unwrap();
        // The first events may have to wait until the new replica is connected.
        let events = (0..50).map(|number| numbered(&format!("user:{number}"), number));
        assert!(publisher.publish_all(events).await.iter().all(Result::is_ok));
        let last = publisher.publish(numbered("user:last", 1).deadline(60).unwrap()).await.unwrap();
        servers.primary().await.kill();
        // The new primary has everything that was confirmed.
        publisher.publish(numbered("user:behind", 1).durability(Durability::Primary).unwrap()).await.unwrap();
        let primary = servers.primary().await;
        for number in 0..50 {
            assert_eq!(has(primary, &format!("user:{number}")).await, 1, "user:{number}");
        }
        assert_eq!(has(primary, "user:last").await, 1);
        let timers = Keys::default().timers(wirebell_protocol::Shard::of(&last.id));
        assert_eq!(primary.query::<u64>(&["ZCARD", &timers]).await, Ok(1), "the timer is replicated as well");
    }
}

#[tokio::test]
async fn without_a_replica_the_event_is_unavailable_and_may_be_published_again() {
    let redis = Redis::start(&[]);
    let builder = || Publisher::builder(&redis.url()).timeout(Duration::from_secs(3));
    let publisher = builder().answer_timeout(Duration::from_secs(1)).connect().await.unwrap();
    let event = || numbered("user:1", 1).id("a").unwrap().durability(Durability::Replicated).unwrap();
    let error = publisher.publish(event()).await.unwrap_err();
    let PublishError::Unavailable { reason } = &error else { unreachable!("{error:?}") };
    assert!(reason.contains("no replica") && reason.contains("same id is safe"), "{reason}");
    assert!(publisher.publish(event()).await.is_err(), "a copy on the primary does not suffice");
    assert_eq!(redis.log("user:1").len(), 1);
    publisher.publish(numbered("user:1", 2)).await.unwrap();

    // Unreplicated events do not wait for replicated ones.
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(event()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    publisher.publish(numbered("user:2", 1)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
    assert!(waiting.await.unwrap().is_err());

    // The default durability applies to stored events without their own.
    let strict = builder().durability(Durability::Replicated).connect().await.unwrap();
    let own = numbered("user:3", 1).durability(Durability::Primary).unwrap();
    strict.publish(own).await.unwrap();
    strict.publish(numbered("user:3", 1).class(Class::Volatile).unwrap()).await.unwrap();
    assert!(strict.publish(numbered("user:3", 1)).await.is_err());
}

#[tokio::test]
async fn replicated_event_is_confirmed_also_after_scripts_were_flushed() {
    let primary = servers::Redis::start().await;
    let port = primary.port().to_string();
    let options = ["--save", "", "--appendonly", "no", "--replicaof", "127.0.0.1", &port];
    let replica = servers::Redis::start_with(&options).await;
    let publisher = Publisher::builder(&primary.url()).timeout(PATIENCE).connect().await.unwrap();
    let event = |number| numbered("user:1", number).durability(Durability::Replicated).unwrap();
    for number in 0..5 {
        publisher.publish(event(number)).await.unwrap();
        assert_eq!(has(&replica, "user:1").await, number + 1);
        primary.query::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
}

#[tokio::test]
async fn log_rule_applies_to_matching_channels() {
    let redis = Redis::start(&[]);
    let builder = Publisher::builder(&redis.url()).log_rule("topic:chat-*", 10, Duration::from_secs(60));
    let publisher = builder.connect().await.unwrap();
    let events =
        (0..600).map(|number| numbered(if number % 2 == 0 { "topic:chat-1" } else { "topic:news" }, number));
    assert!(publisher.publish_all(events).await.iter().all(Result::is_ok));
    let (chat, news) = (redis.log("topic:chat-1").len(), redis.log("topic:news").len());
    // Redis trims whole nodes of a Stream, of a hundred entries each.
    assert!((10..=110).contains(&chat) && news == 300, "{chat} {news}");
    let key = Keys::default().log(&Channel::parse("topic:chat-1").unwrap());
    let left: u64 = redis::cmd("PTTL").arg(key).query(&mut redis.client()).unwrap();
    // The key expires at the age of the rule, plus up to a 32nd of it.
    assert!((50_000..=60_000 + 60_000 / 32).contains(&left), "{left}");
}
