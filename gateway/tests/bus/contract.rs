//! The guarantees for publishing, subscribing and reading.

use std::collections::HashSet;

use gateway::bus::{CursorStatus, Delivery};
use wirebell_protocol::{Channel, Class, ConnectionId, Cursor, NodeId, Prepared};

use crate::fixture::{Fixture, PATIENCE, event, next, one, prepared, text, user, volatile};

pub(crate) async fn event_without_subscribers_is_accepted(mut bus: Fixture) {
    let accepted = bus.publish("user:42", "a", "1").await;
    assert_eq!((accepted.nodes, accepted.duplicate), (0, false));
    assert!(accepted.cursor.is_some());
    bus.assert_no_delivery().await;
}

pub(crate) async fn announcements_arrive_in_order_and_unchanged(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let data = "{ \"a\" :1.00, \"é\":\"\\u00e9\\n\",\"b\":[1e2, 10000000000000000000001] }";
    let batch: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &n.to_string(), data)).collect();
    let answers = bus.bus.publish(&batch).await;
    let mut previous = Cursor::START;
    for (number, answer) in answers.into_iter().enumerate() {
        let (announced, accepted) = (bus.event().await, answer.unwrap());
        let position = announced.position.unwrap();
        assert_eq!((accepted.cursor, accepted.nodes), (Some(position.cursor), 1));
        assert_eq!(position.previous, previous);
        assert_eq!(announced.channel, user());
        let cursor = position.cursor;
        assert_eq!(
            text(&announced),
            format!(
                "{{\"type\":\"thing\",\"id\":\"{number}\",\"channel\":\"user:42\",\"cursor\":\"{cursor}\",\
                 \"time\":\"2026-11-21T10:00:00.123Z\",\"data\":{data}}}"
            )
        );
        previous = cursor;
    }
}

pub(crate) async fn duplicate_id_is_published_once(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let first = bus.publish("user:42", "a", "1").await;
    let second = bus.publish("user:42", "a", "2").await;
    assert_eq!((second.cursor, second.nodes, second.duplicate), (first.cursor, first.nodes, true));
    assert!(text(&bus.event().await).ends_with("\"data\":1}"));
    bus.assert_no_delivery().await;
    assert_eq!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].len(), 1);
}

pub(crate) async fn concurrent_duplicate_ids_are_published_once(bus: Fixture) {
    let same = prepared("user:42", "a", "1");
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let (bus, same) = (bus.bus.clone(), same.clone());
            tokio::spawn(async move { one(bus.publish(&[same]).await) })
        })
        .collect();
    let mut answers = Vec::new();
    for attempt in attempts {
        answers.push(attempt.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert_eq!(answers.iter().map(|answer| answer.cursor).collect::<HashSet<_>>().len(), 1);
    assert_eq!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].len(), 1);
}

pub(crate) async fn same_id_on_another_channel_is_another_event(bus: Fixture) {
    assert!(!bus.publish("user:42", "a", "1").await.duplicate);
    assert!(!bus.publish("user:43", "a", "1").await.duplicate);
}

pub(crate) async fn subscribe_returns_the_end_of_the_log(bus: Fixture) {
    let last = bus.publish("user:42", "a", "1").await.cursor.unwrap();
    let other = Channel::user("unknown").unwrap();
    let ends = bus.bus.subscribe(&[other, user()]).await.unwrap();
    assert_eq!(ends.iter().map(|ends| ends.log).collect::<Vec<_>>(), [Cursor::START, last]);
}

pub(crate) async fn unsubscribed_channel_gets_no_event(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    assert_eq!(bus.publish("user:42", "a", "1").await.nodes, 1);
    bus.event().await;
    bus.bus.unsubscribe(&[user()]).await;
    assert_eq!(bus.publish("user:42", "b", "1").await.nodes, 0);
    bus.assert_no_delivery().await;
}

pub(crate) async fn log_is_read_after_a_cursor(bus: Fixture) {
    let mut cursors = Vec::new();
    for number in 0..5 {
        cursors.push(bus.publish("user:42", &number.to_string(), "1").await.cursor.unwrap());
    }
    let unknown = Channel::user("unknown").unwrap();
    let found = bus.bus.read(&[(unknown, Cursor::START), (user(), cursors[1])], 2).await.unwrap();
    assert!(found[0].is_empty());
    let positions: Vec<_> = found[1].iter().map(|event| event.position.unwrap()).collect();
    assert_eq!(positions.iter().map(|position| position.cursor).collect::<Vec<_>>(), cursors[2..4]);
    assert_eq!(positions.iter().map(|position| position.previous).collect::<Vec<_>>(), cursors[1..3]);
    assert!(
        text(&found[1][0]).contains(&format!("\"id\":\"2\",\"channel\":\"user:42\",\"cursor\":\"{}\"", cursors[2]))
    );
}

pub(crate) async fn log_is_bounded(bus: Fixture) {
    for batch in 0..10 {
        let events: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &format!("{batch}.{n}"), "1")).collect();
        bus.bus.publish(&events).await.into_iter().for_each(|answer| _ = answer.unwrap());
    }
    let kept = bus.bus.read(&[(user(), Cursor::START)], 1000).await.unwrap().remove(0);
    // Redis trims whole Stream nodes of a hundred entries.
    assert!((20..=120).contains(&kept.len()), "{} events are kept", kept.len());
    assert!(text(kept.last().unwrap()).contains("\"id\":\"9.49\""));
}

pub(crate) async fn cursor_is_known_while_no_later_event_is_missing(bus: Fixture) {
    let known = async |cursor| bus.bus.cursor_status(&user(), cursor).await.unwrap() == CursorStatus::Known;
    assert!(known(Cursor::START).await, "no event was ever published, so none is missing");
    let first = bus.publish("user:42", "first", "1").await.cursor.unwrap();
    let second = bus.publish("user:42", "second", "1").await.cursor.unwrap();
    assert!(known(first).await && known(second).await);
    assert!(known(Cursor::START).await, "the first event is still stored");
    let past_the_end = Cursor { millis: second.millis + 1_000_000, sequence: 0 };
    assert!(!known(past_the_end).await, "the log ends earlier, so it lost its end");
    for batch in 0..10 {
        let events: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &format!("{batch}.{n}"), "1")).collect();
        bus.bus.publish(&events).await.into_iter().for_each(|answer| _ = answer.unwrap());
    }
    assert!(!known(first).await && !known(Cursor::START).await, "later events are trimmed");
    let oldest = bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap().remove(0).remove(0);
    assert!(known(oldest.position.unwrap().previous).await, "every later event is stored");
    let last = bus.publish("user:42", "last", "1").await.cursor.unwrap();
    assert!(known(last).await);
}

pub(crate) async fn volatile_events_are_announced_and_not_stored(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let accepted = one(bus.bus.publish(&[volatile("user:42", "a")]).await);
    assert_eq!((accepted.cursor, accepted.nodes), (None, 1));
    let announced = bus.event().await;
    assert_eq!((announced.class, announced.position), (Class::Volatile, None));
    assert!(!text(&announced).contains("cursor"));
    assert!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].is_empty());
}

pub(crate) async fn connection_channel_needs_no_subscription(mut bus: Fixture) {
    let ours = Channel::connection(ConnectionId { node: bus.node, number: 3 });
    let theirs = Channel::connection(ConnectionId { node: NodeId::from_bits(8), number: 3 });
    assert_eq!(bus.publish(ours.as_str(), "a", "1").await.nodes, 1);
    assert_eq!(bus.publish(theirs.as_str(), "a", "1").await.nodes, 0);
    assert_eq!(bus.event().await.channel, ours);
    bus.assert_no_delivery().await;
}

pub(crate) async fn time_to_live_is_announced_and_stored(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let with_ttl = Prepared::all(&event("user:42", "a", "1").ttl(60).unwrap()).remove(0);
    one(bus.bus.publish(&[with_ttl]).await);
    let announced = bus.event().await;
    assert_eq!(announced.expires_at, Some(announced.accepted_at / 1000 + 60_000));
    let kept = bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap().remove(0);
    assert_eq!(kept[0].expires_at, announced.expires_at);
}

pub(crate) async fn full_queue_reports_the_missed_channel(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    for batch in 0..10 {
        let events: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &format!("{batch}.{n}"), "1")).collect();
        bus.bus.publish(&events).await.into_iter().for_each(|answer| _ = answer.unwrap());
    }
    let overflows = || bus.metrics.bus_overflows.get();
    tokio::time::timeout(PATIENCE, async {
        while overflows() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("500 events do not fit into a queue of 64");
    // Queued events come first, then the missed channel.
    loop {
        match next(&mut bus.deliveries).await {
            Delivery::Event(event) => assert_eq!(event.channel, user()),
            Delivery::Missed(channels) => return assert_eq!(channels, [user()]),
            Delivery::MissedAny => panic!("the connection was not lost"),
            Delivery::Reply(_) => panic!("no client has emitted an event"),
            Delivery::Command(_) => panic!("no command was sent"),
        }
    }
}

pub(crate) async fn thousands_of_channels_are_subscribed_at_once(mut bus: Fixture) {
    let channels: Vec<Channel> = (0..3_000).map(|n| Channel::user(&n.to_string()).unwrap()).collect();
    assert_eq!(bus.bus.subscribe(&channels).await.unwrap().len(), 3_000);
    for number in [0, 499, 500, 2_999] {
        assert_eq!(bus.publish(&format!("user:{number}"), "a", "1").await.nodes, 1);
        assert_eq!(bus.event().await.channel, channels[number]);
    }
    bus.bus.unsubscribe(&channels).await;
    assert_eq!(bus.publish("user:2999", "b", "1").await.nodes, 0);
}
