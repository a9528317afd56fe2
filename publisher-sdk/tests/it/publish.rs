//! `publish` and `publish_all` to a real Redis.

use std::time::{Duration, Instant};

use crate::support::{Redis, numbered};
use wirebell_protocol::Announcement;
use wirebell_publisher::{Channel, Class, Event, Keys, PublishError, Publisher};

const DATA: &str = r#"{ "status":"paid" , "sum":1.0, "name":"Zoë \u00e9" }"#;

#[tokio::test]
async fn log_and_announcement_contain_the_published_event() {
    let redis = Redis::start(&[]);
    let (messages, mut announced) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(messages);
    let client = redis::Client::open(format!("{}/?protocol=resp3", redis.url())).unwrap();
    let mut listener = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let channel = Channel::parse("user:42").unwrap();
    redis::cmd("SSUBSCRIBE").arg(Keys::default().announce(&channel)).exec_async(&mut listener).await.unwrap();

    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let event = Event::from_json("user:42", "payment-status", DATA).unwrap();
    let event = event.source("payments").unwrap().traceparent(trace).unwrap().ttl(60).unwrap();
    let outcome = publisher.publish(event).await.unwrap();
    assert_eq!((outcome.nodes(), outcome.channels.len()), (1, 1));
    assert_eq!(outcome.id.len(), 26, "a ULID: {}", outcome.id);

    let log = redis.log("user:42");
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].cursor, outcome.cursor().unwrap().to_string());
    let head = format!(r#"{{"type":"payment-status","id":"{}","channel":"user:42""#, outcome.id);
    assert_eq!(log[0].field("h"), head);
    let tail = log[0].field("t");
    assert!(tail.ends_with(&format!(r#","source":"payments","data":{DATA},"traceparent":"{trace}"}}"#)), "{tail}");
    let time = log[0].frame()["time"].as_str().unwrap().to_owned();
    assert!(time.len() == 24 && time.as_bytes()[19] == b'.' && time.ends_with('Z'), "{time}");
    assert!(log[0].field("x").parse::<u64>().unwrap() > 0);

    let announcement = loop {
        let push = announced.recv().await.unwrap();
        if let [_, redis::Value::BulkString(message)] = push.data.as_slice() {
            break Announcement::decode(&message.clone().into()).unwrap();
        }
    };
    assert_eq!((announcement.channel, announcement.class), (channel, Class::Durable));
    assert_eq!(announcement.position.unwrap().cursor, outcome.cursor().unwrap());
    let frame = format!(r#"{head},"cursor":"{}"{tail}"#, log[0].cursor);
    assert_eq!(announcement.frame, frame.as_bytes());
}

#[tokio::test]
async fn publishing_the_same_id_again_returns_the_first_result() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let event = || numbered("user:42", 1).id("order-7").unwrap();
    let first = publisher.publish(event()).await.unwrap();
    assert_eq!(publisher.publish(event()).await.unwrap(), first);

    let twin = || numbered("user:43", 1).id("order-8").unwrap();
    let other = Publisher::connect(&redis.url()).await.unwrap();
    let calls = (0..20).map(|turn| {
        let publisher = if turn % 2 == 0 { publisher.clone() } else { other.clone() };
        tokio::spawn(async move { publisher.publish(twin()).await.unwrap() })
    });
    let mut outcomes = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        outcomes.push(call.await.unwrap());
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    assert_eq!((redis.log("user:42").len(), redis.log("user:43").len()), (1, 1));
}

#[tokio::test]
async fn publish_all_keeps_the_order_of_every_channel() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let channel = |number: u64| if number.is_multiple_of(3) { "user:1" } else { "topic:news" };
    let answers = publisher.publish_all((0..1_000).map(|number| numbered(channel(number), number))).await;
    assert_eq!(answers.len(), 1_000);
    let cursors: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().cursor().unwrap().to_string()).collect();
    for name in ["user:1", "topic:news"] {
        let expected: Vec<u64> = (0..1_000).filter(|number| channel(*number) == name).collect();
        assert_eq!(redis.numbers(name), expected);
        let of_log: Vec<_> = redis.log(name).into_iter().map(|entry| entry.cursor).collect();
        let of_answers = expected.iter().map(|number| cursors[usize::try_from(*number).unwrap()].clone());
        assert_eq!(of_answers.collect::<Vec<_>>(), of_log);
    }
    assert!(publisher.publish_all([]).await.is_empty());
}

#[tokio::test]
async fn event_goes_to_several_channels_and_a_volatile_one_is_not_logged() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::builder(&redis.url()).connect_lazy().unwrap();
    let event = numbered("user:1", 1).and_to("user:2").unwrap().and_to("all").unwrap();
    let outcome = publisher.publish(event).await.unwrap();
    assert_eq!(outcome.cursor(), None, "three channels have three cursors");
    let names: Vec<_> = outcome.channels.iter().map(|reached| reached.channel.as_str()).collect();
    assert_eq!(names, ["user:1", "user:2", "all"]);
    assert!(outcome.channels.iter().all(|reached| reached.cursor.is_some() && reached.nodes == 0));

    let volatile = publisher.publish(numbered("user:3", 1).class(Class::Volatile).unwrap()).await.unwrap();
    assert_eq!((volatile.cursor(), redis.log("user:3").len()), (None, 0));
}

#[tokio::test]
async fn flushed_scripts_are_loaded_again() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    publisher.publish(numbered("user:1", 0)).await.unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut redis.client()).unwrap();
    let answers = publisher.publish_all((1..10).map(|number| numbered("user:1", number))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(redis.numbers("user:1"), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn unwritable_channel_does_not_block_the_others() {
    let redis = Redis::start(&[]);
    let key = Keys::default().log(&Channel::parse("user:bad").unwrap());
    redis::cmd("SET").arg(key).arg("not a stream").exec(&mut redis.client()).unwrap();
    let publisher = Publisher::connect(&redis.url()).await.unwrap();
    let answers = publisher.publish_all(["user:1", "user:bad", "user:1"].map(|name| numbered(name, 7))).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    let Err(PublishError::Refused(refusal)) = &answers[1] else { unreachable!("{answers:?}") };
    assert_eq!(refusal.code, "WRONGTYPE");
    assert_eq!(redis.log("user:1").len(), 2);
}

#[tokio::test]
async fn redis_out_of_memory_is_unavailable_and_the_event_is_retried() {
    let redis = Redis::start(&[]);
    let publisher = Publisher::builder(&redis.url()).timeout(Duration::from_secs(5)).connect().await.unwrap();
    let set = |bytes: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).exec(&mut redis.client()).unwrap();
    };
    set("1");
    let short = Publisher::builder(&redis.url()).timeout(Duration::from_millis(200)).connect().await.unwrap();
    let error = short.publish(numbered("user:1", 0)).await.unwrap_err();
    assert!(matches!(&error, PublishError::Unavailable { reason } if reason.contains("OOM")), "{error}");
    let pending = tokio::spawn(async move { publisher.publish(numbered("user:1", 1)).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    set("0");
    pending.await.unwrap().unwrap();
    assert_eq!(redis.numbers("user:1"), [1]);
}

#[tokio::test]
async fn hanging_redis_times_out_and_stopped_redis_is_unavailable() {
    let mut redis = Redis::start(&[]);
    let builder = || Publisher::builder(&redis.url()).timeout(Duration::from_millis(500));
    let publisher = builder().connect().await.unwrap();
    let event = || numbered("user:1", 1).id("once").unwrap();
    publisher.publish(numbered("user:1", 0)).await.unwrap();

    redis.signal("STOP");
    let asked = Instant::now();
    let error = publisher.publish(event()).await.unwrap_err();
    assert!(matches!(error, PublishError::TimedOut { .. }), "{error:?}");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    redis.signal("CONT");
    publisher.publish(event()).await.unwrap();
    assert_eq!(redis.numbers("user:1"), [0, 1], "sent at least twice, stored once");

    redis.kill();
    let error = publisher.publish(event()).await.unwrap_err();
    assert!(matches!(error, PublishError::Unavailable { .. }), "{error:?}");
    redis.run();
    publisher.publish(numbered("user:1", 2)).await.unwrap();
    assert_eq!(redis.numbers("user:1"), [0, 1, 2]);
}
