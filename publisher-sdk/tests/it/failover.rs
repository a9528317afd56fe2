//! Redis with sentinels and as a Cluster: routing, failover and slot migration.

use std::time::Duration;

use crate::support::numbered;
use wirebell_publisher::{Channel, ConnectError, Flushed, Keys, Publisher, Retention};
use wirebell_tests::redis::{Cluster, Redis, Sentinels};

const PATIENCE: Duration = Duration::from_secs(40);

async fn publisher(url: &str) -> Publisher {
    let retention = Retention { log_events: 100_000, ..Retention::default() };
    Publisher::builder(url).retention(retention).timeout(PATIENCE).connect().await.unwrap()
}

fn log_key(channel: &str) -> String {
    Keys::default().log(&Channel::parse(channel).unwrap())
}

/// The numbers in a channel's log, in log order.
async fn numbers(redis: &Redis, channel: &str) -> Vec<u64> {
    let entries: Vec<(String, Vec<(String, String)>)> =
        redis.query(&["XRANGE", &log_key(channel), "-", "+"]).await.unwrap();
    let number = |fields: &[(String, String)]| {
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).unwrap().1.clone();
        let frame: serde_json::Value = serde_json::from_str(&(field("h") + &field("t"))).unwrap();
        frame["data"].as_u64().unwrap()
    };
    entries.iter().map(|(_, fields)| number(fields)).collect()
}

async fn owner<'a>(cluster: &'a Cluster, channel: &str, asked: usize) -> &'a Redis {
    let slot = cluster.slot_via(&log_key(channel), asked).await;
    &cluster.nodes()[cluster.owner(slot, asked).await]
}

/// Enqueues the numbers with pauses.
async fn trickle(publisher: Publisher, channels: &'static [&'static str], numbers: std::ops::Range<u64>) {
    for number in numbers {
        for channel in channels {
            assert!(publisher.enqueue(numbered(channel, number)).is_accepted());
        }
        if number % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn cluster_stores_every_channel_on_its_slots_owner() {
    let cluster = Cluster::start().await;
    let publisher = publisher(&cluster.url()).await;
    let name = |number: u64| format!("user:{}", number % 20);
    let events: Vec<_> = (0..600).map(|number| numbered(&name(number), number)).collect();
    let to_many = (1..20).fold(numbered("user:0", 600), |event, n| event.and_to(&name(n)).unwrap());
    let answers = publisher.publish_all(events.into_iter().chain([to_many.clone().id("many").unwrap()])).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(answers.last().unwrap().as_ref().unwrap().channels.len(), 20);
    let again = publisher.publish(to_many.id("many").unwrap()).await.unwrap();
    assert_eq!(&again, answers.last().unwrap().as_ref().unwrap());
    let mut used = std::collections::HashSet::new();
    for user in 0..20 {
        let redis = owner(&cluster, &name(user), 0).await;
        used.insert(redis.port());
        let expected: Vec<u64> = (0..600).filter(|number| number % 20 == user).chain([600]).collect();
        assert_eq!(numbers(redis, &name(user)).await, expected, "user:{user}");
    }
    assert_eq!(used.len(), 3, "the channels are spread over all primaries");

    for node in cluster.nodes() {
        node.query::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    let answers = publisher.publish_all((0..60).map(|number| numbered(&name(number), number))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_survive_the_loss_of_a_cluster_primary_once_and_in_order() {
    let mut cluster = Cluster::start_with_replicas().await;
    let publisher = publisher(&cluster.url()).await;
    trickle(publisher.clone(), &["user:1", "topic:a", "topic:b"], 0..100).await;
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let lost = cluster.owner(cluster.slot(&log_key("user:1")).await, 0).await;
    // Writes that a primary has not replicated before it dies are lost. Wait for the replica.
    cluster.nodes()[lost].query::<u64>(&["WAIT", "1", "5000"]).await.unwrap();
    cluster.kill(lost);
    trickle(publisher.clone(), &["user:1", "topic:a", "topic:b"], 100..600).await;
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    for channel in ["user:1", "topic:a", "topic:b"] {
        let redis = owner(&cluster, channel, (lost + 1) % 3).await;
        assert_eq!(numbers(redis, channel).await, (0..600).collect::<Vec<_>>(), "{channel}");
    }
    assert!(publisher.counters().retried > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_follow_a_migrated_slot_and_a_new_primary() {
    let cluster = Cluster::start_with_replicas().await;
    let publisher = publisher(&cluster.url()).await;
    let traffic = tokio::spawn(trickle(publisher.clone(), &["user:1", "topic:a", "topic:b"], 0..1_500));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let slot = cluster.slot(&log_key("user:1")).await;
    cluster.migrate(slot).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // A manual failover: the primary replicates everything before the replica takes over.
    cluster.swap_roles(cluster.slot(&log_key("topic:a")).await).await;
    traffic.await.unwrap();
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    for channel in ["user:1", "topic:a", "topic:b"] {
        let redis = owner(&cluster, channel, 0).await;
        assert_eq!(numbers(redis, channel).await, (0..1_500).collect::<Vec<_>>(), "{channel}");
    }
    assert!(publisher.counters().retried > 0, "the migration and failover must affect some events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_survive_a_sentinel_failover_once_and_in_order() {
    let mut servers = Sentinels::start().await;
    let publisher = publisher(&servers.url()).await;
    trickle(publisher.clone(), &["user:1"], 0..100).await;
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let primary = servers.primary().await;
    let before = primary.port();
    primary.query::<u64>(&["WAIT", "1", "5000"]).await.unwrap();
    primary.kill();
    trickle(publisher.clone(), &["user:1"], 100..600).await;
    assert_eq!(publisher.flush(PATIENCE).await, Flushed::Done);
    let after = servers.primary().await;
    assert_ne!(after.port(), before);
    assert_eq!(numbers(after, "user:1").await, (0..600).collect::<Vec<_>>());
}

#[tokio::test]
async fn servers_and_sentinels_have_separate_passwords() {
    let cluster = Cluster::start_with_password("correct-horse").await;
    let publisher = Publisher::connect(&cluster.url()).await.unwrap();
    assert!(
        publisher.publish_all((0..30).map(|n| numbered(&format!("user:{n}"), n))).await.iter().all(Result::is_ok)
    );
    assert!(!format!("{publisher:?}").contains("correct-horse"));

    let servers = Sentinels::start_with_passwords("correct-horse", "battery").await;
    let publisher = Publisher::connect(&servers.url()).await.unwrap();
    publisher.publish(numbered("user:1", 1)).await.unwrap();
    let text = format!("{publisher:?}");
    assert!(!text.contains("correct-horse") && !text.contains("battery"), "{text}");

    let wrong = Publisher::connect(&cluster.url().replace("correct-horse", "hunter2")).await.unwrap_err();
    assert!(matches!(&wrong, ConnectError::Refused(refusal) if refusal.code == "WRONGPASS"), "{wrong}");
}

#[tokio::test]
async fn bad_url_of_sentinels_or_cluster_is_rejected() {
    for (url, found) in [
        ("redis-sentinel://:hunter2@127.0.0.1:26379", "no `sentinelServiceName`"),
        ("redis-cluster://:hunter2@127.0.0.1:7000/3", "a Cluster has only database 0"),
        ("redis-cluster://:hunter2@127.0.0.1:7000?node=hunter2", "not host:port"),
        ("redis-other://:hunter2@127.0.0.1:7000", "another scheme"),
    ] {
        let error = Publisher::connect(url).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, ConnectError::Url { .. }) && text.contains(found), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{url}: {text}");
    }
}
