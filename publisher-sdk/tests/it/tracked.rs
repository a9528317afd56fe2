//! Tracked and scheduled events over Redis: acknowledgements, receipts, cancellation. The tests
//! call the scripts that a node would call.

use std::time::{Duration, Instant};

use crate::support::{Bus, Redis, in_seconds, numbered};
use wirebell_protocol::tracking;
use wirebell_publisher::{
    AckError, Cancelled, Channel, Class, Event, Keys, PublishError, Published, Publisher, State,
};
use wirebell_tests::redis::Cluster;

const PATIENCE: Duration = Duration::from_secs(20);

/// Acknowledges the event by this device, as a node would.
async fn acknowledge(bus: &impl Bus, device: &str, accepted: &Published, place: usize) {
    let reached = &accepted.channels[place];
    let (keys, retention) = (Keys::default(), wirebell_publisher::Retention::default());
    let cursor = reached.cursor.unwrap();
    bus.run::<Vec<String>>(tracking::acknowledge(&keys, &reached.channel, device, cursor, "node.1", &retention))
        .await;
}

/// Runs the event's timer on this channel, as a node would.
async fn go_off(bus: &impl Bus, accepted: &Published, channel: &str) {
    let timer = tracking::Timer { channel: Channel::parse(channel).unwrap(), id: accepted.id.clone() };
    let answer: String = bus.run(tracking::alarm(&Keys::default(), &timer)).await;
    let alarm = tracking::Alarm::parse(&answer).unwrap();
    bus.run::<i64>(tracking::finish(&Keys::default(), &timer, &alarm)).await;
}

async fn waits_for_a_device(bus: impl Bus + Sync, url: &str) {
    let publisher = Publisher::connect(url).await.unwrap();
    let event = numbered("user:1", 1).and_to("user:2").unwrap().receipt();
    let accepted = publisher.publish(event.id("order-7").unwrap()).await.unwrap();
    assert_eq!(accepted.acknowledged(Duration::ZERO).await, Err(AckError::NotInTime { after: Duration::ZERO }));
    let waiting = accepted.clone();
    let waiting = tokio::spawn(async move { waiting.acknowledged(PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    acknowledge(&bus, "phone", &accepted, 1).await;
    acknowledge(&bus, "tablet", &accepted, 1).await;
    let acknowledged = waiting.await.unwrap().unwrap();
    assert_eq!((acknowledged.device.as_str(), acknowledged.connection.as_str()), ("phone", "node.1"));
    assert_eq!((acknowledged.id.as_str(), acknowledged.channel.as_str()), ("order-7", "user:2"));

    let receipts = publisher.receipts("order-7").await.unwrap();
    let states: Vec<_> = receipts.iter().map(|receipt| (receipt.channel.as_str(), receipt.state)).collect();
    assert_eq!(states, [("user:1", State::Accepted), ("user:2", State::Acknowledged)]);
    assert_eq!(receipts[1].acknowledged.len(), 2);
    assert!(publisher.receipts("never heard of").await.unwrap().is_empty());
}

async fn is_scheduled_and_cancelled(bus: impl Bus + Sync, url: &str) {
    let publisher = Publisher::connect(url).await.unwrap();
    let event = |id: &str| numbered("user:1", 1).and_to("user:2").unwrap().receipt().id(id).unwrap();
    let scheduled = publisher.publish(event("a").deliver_at(&in_seconds(60)).unwrap()).await.unwrap();
    assert!(scheduled.is_scheduled() && scheduled.channels.iter().all(|reached| reached.cursor.is_none()));
    assert_eq!(publisher.receipts("a").await.unwrap()[0].state, State::Scheduled);
    assert_eq!(publisher.cancel("a").await, Ok(Cancelled::Cancelled));
    assert_eq!(publisher.cancel("a").await, Ok(Cancelled::Cancelled));
    assert_eq!(publisher.cancel("never heard of").await, Ok(Cancelled::Unknown));
    assert_eq!(scheduled.acknowledged(PATIENCE).await, Err(AckError::Cancelled));
    assert_eq!(bus.outcomes("a").await, ["cancelled", "cancelled"], "once for each channel");
    publisher.publish(event("b")).await.unwrap();
    assert_eq!(publisher.cancel("b").await, Ok(Cancelled::Published));
    let past = publisher.publish(event("c").deliver_at("2020-01-01T00:00:00Z").unwrap()).await.unwrap();
    assert!(!past.is_scheduled() && past.channels[0].cursor.is_some());
}

async fn sets_its_timer_first(bus: impl Bus + Sync, url: &str) {
    let publisher = Publisher::builder(url).timeout(Duration::from_millis(300)).connect().await.unwrap();
    let event = || numbered("user:1", 1).deadline(30).unwrap().id("a").unwrap();
    let keys = Keys::default();
    let timers = keys.timers(wirebell_protocol::Shard::of("a"));
    // Publishing before the timer is set would leave the event without its alarm.
    bus.command::<()>(&["SET", &timers, "not a sorted set"]).await;
    let error = publisher.publish(event()).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(_) | PublishError::Unavailable { .. }), "{error}");
    let log = keys.log(&Channel::parse("user:1").unwrap());
    assert_eq!(bus.command::<u64>(&["EXISTS", &log]).await, 0, "it was not published");
    bus.command::<()>(&["DEL", &timers]).await;
    let accepted = publisher.publish(event()).await.unwrap();
    assert_eq!(bus.command::<u64>(&["ZCARD", &timers]).await, 1);
    acknowledge(&bus, "phone", &accepted, 0).await;
    assert_eq!(accepted.acknowledged(PATIENCE).await.unwrap().device, "phone");
}

#[tokio::test]
async fn acknowledgements_and_cancellation_over_redis() {
    let redis = Redis::start(&[]);
    waits_for_a_device(&redis, &redis.url()).await;
    is_scheduled_and_cancelled(&redis, &redis.url()).await;
    let other = Redis::start(&[]);
    sets_its_timer_first(&other, &other.url()).await;
}

#[tokio::test]
async fn acknowledgements_and_cancellation_over_a_cluster() {
    let cluster = Cluster::start().await;
    waits_for_a_device(&cluster, &cluster.url()).await;
    is_scheduled_and_cancelled(&cluster, &cluster.url()).await;
    for node in cluster.nodes() {
        node.query::<()>(&["FLUSHALL"]).await.unwrap();
        node.query::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    sets_its_timer_first(&cluster, &cluster.url()).await;
}

#[tokio::test]
async fn each_end_without_acknowledgement_has_its_error() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    for event in [numbered("user:1", 1), numbered("user:1", 1).receipt().class(Class::Volatile).unwrap()] {
        let accepted = publisher.publish(event).await.unwrap();
        assert_eq!(accepted.acknowledged(PATIENCE).await, Err(AckError::NotWatched));
    }
    let late = publisher.publish(numbered("user:1", 1).deadline(1).unwrap()).await.unwrap();
    let expired = publisher.publish(numbered("user:2", 1).receipt().ttl(1).unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    go_off(&&redis, &late, "user:1").await;
    go_off(&&redis, &expired, "user:2").await;
    assert_eq!(late.acknowledged(PATIENCE).await, Err(AckError::FallenBack));
    assert_eq!(expired.acknowledged(PATIENCE).await, Err(AckError::Expired));
    // A late acknowledgement changes nothing.
    acknowledge(&&redis, "phone", &late, 0).await;
    assert_eq!(late.acknowledged(PATIENCE).await, Err(AckError::FallenBack));

    let begun = Instant::now();
    let lonely = publisher.publish(numbered("user:3", 1).receipt()).await.unwrap();
    let after = Duration::from_millis(250);
    assert_eq!(lonely.acknowledged(after).await, Err(AckError::NotInTime { after }));
    assert!(begun.elapsed() >= after && begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    redis::cmd("FLUSHALL").exec(&mut redis.client()).unwrap();
    assert_eq!(lonely.acknowledged(PATIENCE).await, Err(AckError::Unknown));
}

#[tokio::test]
async fn waiting_for_an_acknowledgement_survives_a_restart_of_redis() {
    let mut redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let accepted = publisher.publish(numbered("user:1", 1).receipt()).await.unwrap();
    redis.kill();
    let short = accepted.acknowledged(Duration::from_millis(200)).await;
    assert!(matches!(short, Err(AckError::Bus(PublishError::Unavailable { .. }))), "{short:?}");
    let waiting = accepted.clone();
    let waiting = tokio::spawn(async move { waiting.acknowledged(PATIENCE).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.run();
    redis.wait_loaded();
    acknowledge(&&redis, "phone", &accepted, 0).await;
    assert_eq!(waiting.await.unwrap().unwrap().device, "phone");
}

#[tokio::test]
async fn thousands_of_acknowledgements_are_awaited_at_once() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let events = (0..3_000).map(|number| numbered(&format!("user:{}", number % 100), number).receipt());
    let accepted: Vec<Published> =
        publisher.publish_all(events).await.into_iter().collect::<Result<_, _>>().unwrap();
    let waits: Vec<_> = accepted
        .iter()
        .map(|accepted| {
            let accepted = accepted.clone();
            tokio::spawn(async move { accepted.acknowledged(PATIENCE).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The last event of each channel acknowledges all before it.
    for last in &accepted[2_900..] {
        acknowledge(&&redis, "phone", last, 0).await;
    }
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap().device, "phone");
    }
}

#[tokio::test]
async fn untracked_event_costs_one_script_call() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut redis.client()).unwrap();
    let answers = publisher.publish_all((0..100).map(|number| numbered("user:1", number))).await;
    assert!(answers.iter().all(Result::is_ok));
    let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut redis.client()).unwrap();
    let calls = |command: &str| {
        let line = stats.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")))?;
        line.split(['=', ',']).nth(1)?.parse::<u64>().ok()
    };
    assert_eq!((calls("evalsha"), calls("wait"), calls("zadd")), (Some(100), None, None), "{stats}");
}

#[test]
fn published_event_serializes_like_its_outcome() {
    let event = Event::from_json("user:1", "t", "1").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let redis = Redis::start(&[]);
    runtime.block_on(async {
        let accepted = Publisher::connect(&redis.url()).await.unwrap().publish(event).await.unwrap();
        let outcome = serde_json::to_value(accepted.outcome()).unwrap();
        assert_eq!(serde_json::to_value(&accepted).unwrap(), outcome);
        assert_eq!(outcome["id"], accepted.id);
    });
}
