//! What every bus promises.

use std::collections::HashSet;

use gateway::bus::{Delivery, Position};
use wirebell_protocol::{Channel, Class, ConnectionId, Cursor, NodeId, Prepared};

use crate::fixture::{Fixture, PATIENCE, event, next, one, prepared, text, user, volatile};

pub(crate) async fn nobody_listens_and_it_is_accepted(mut bus: Fixture) {
    let accepted = bus.publish("user:42", "a", "1").await;
    assert_eq!((accepted.nodes, accepted.duplicate), (0, false));
    assert!(accepted.cursor.is_some());
    bus.nothing_comes().await;
}

pub(crate) async fn announcements_come_in_order_and_byte_for_byte(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let data = "{ \"a\" :1.00, \"é\":\"\\u00e9\\n\",\"b\":[1e2, 10000000000000000000001] }";
    let batch: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &n.to_string(), data)).collect();
    let answers = bus.bus.publish(&batch).await;
    let mut previous = Cursor::START;
    for (number, answer) in answers.into_iter().enumerate() {
        let (announced, accepted) = (bus.event().await, answer.unwrap());
        let place = announced.position.unwrap();
        assert_eq!((accepted.cursor, accepted.nodes), (Some(place.cursor), 1));
        assert_eq!(place.previous, previous);
        assert_eq!(announced.channel, user());
        let cursor = place.cursor;
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

pub(crate) async fn the_same_id_changes_nothing(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let first = bus.publish("user:42", "a", "1").await;
    let second = bus.publish("user:42", "a", "2").await;
    assert_eq!((second.cursor, second.nodes, second.duplicate), (first.cursor, first.nodes, true));
    assert!(text(&bus.event().await).ends_with("\"data\":1}"));
    bus.nothing_comes().await;
    assert_eq!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].len(), 1);
}

pub(crate) async fn the_same_id_at_the_same_time_changes_nothing(bus: Fixture) {
    let same = prepared("user:42", "a", "1");
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let (bus, same) = (bus.bus.clone(), same.clone());
            tokio::spawn(async move { one(bus.publish(&[same]).await) })
        })
        .collect();
    let mut answers = Vec::new();
    for attempt in tries {
        answers.push(attempt.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert_eq!(answers.iter().map(|answer| answer.cursor).collect::<HashSet<_>>().len(), 1);
    assert_eq!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].len(), 1);
}

pub(crate) async fn the_same_id_on_another_channel_is_another_event(bus: Fixture) {
    assert!(!bus.publish("user:42", "a", "1").await.duplicate);
    assert!(!bus.publish("user:43", "a", "1").await.duplicate);
}

pub(crate) async fn subscribing_tells_where_the_log_ends(bus: Fixture) {
    let last = bus.publish("user:42", "a", "1").await.cursor.unwrap();
    let other = Channel::user("nobody-yet").unwrap();
    let ends = bus.bus.subscribe(&[other, user()]).await.unwrap();
    assert_eq!(ends.iter().map(|ends| ends.log).collect::<Vec<_>>(), [Cursor::START, last]);
}

pub(crate) async fn after_unsubscribing_nothing_comes(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    assert_eq!(bus.publish("user:42", "a", "1").await.nodes, 1);
    bus.event().await;
    bus.bus.unsubscribe(&[user()]).await;
    assert_eq!(bus.publish("user:42", "b", "1").await.nodes, 0);
    bus.nothing_comes().await;
}

pub(crate) async fn a_log_is_read_behind_a_cursor(bus: Fixture) {
    let mut cursors = Vec::new();
    for number in 0..5 {
        cursors.push(bus.publish("user:42", &number.to_string(), "1").await.cursor.unwrap());
    }
    let nobody = Channel::user("nobody").unwrap();
    let found = bus.bus.read(&[(nobody, Cursor::START), (user(), cursors[1])], 2).await.unwrap();
    assert!(found[0].is_empty());
    let places: Vec<_> = found[1].iter().map(|event| event.position.unwrap()).collect();
    assert_eq!(places.iter().map(|position| position.cursor).collect::<Vec<_>>(), cursors[2..4]);
    assert_eq!(places.iter().map(|position| position.previous).collect::<Vec<_>>(), cursors[1..3]);
    assert!(
        text(&found[1][0]).contains(&format!("\"id\":\"2\",\"channel\":\"user:42\",\"cursor\":\"{}\"", cursors[2]))
    );
}

pub(crate) async fn a_log_is_bounded(bus: Fixture) {
    for batch in 0..10 {
        let events: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &format!("{batch}.{n}"), "1")).collect();
        bus.bus.publish(&events).await.into_iter().for_each(|answer| _ = answer.unwrap());
    }
    let kept = bus.bus.read(&[(user(), Cursor::START)], 1000).await.unwrap().remove(0);
    // Redis trims whole nodes of its Streams, which hold a hundred entries.
    assert!((20..=120).contains(&kept.len()), "{} are kept", kept.len());
    assert!(text(kept.last().unwrap()).contains("\"id\":\"9.49\""));
}

pub(crate) async fn a_cursor_is_known_while_nothing_behind_it_is_gone(bus: Fixture) {
    let known = async |cursor| bus.bus.position(&user(), cursor).await.unwrap() == Position::Known;
    assert!(known(Cursor::START).await, "nothing was ever published, so nothing is missing");
    let first = bus.publish("user:42", "first", "1").await.cursor.unwrap();
    let second = bus.publish("user:42", "second", "1").await.cursor.unwrap();
    assert!(known(first).await && known(second).await);
    assert!(known(Cursor::START).await, "the first event is still there");
    let from_nowhere = Cursor { millis: second.millis + 1_000_000, sequence: 0 };
    assert!(!known(from_nowhere).await, "the log never came so far: it lost its end");
    for batch in 0..10 {
        let events: Vec<Prepared> = (0..50).map(|n| prepared("user:42", &format!("{batch}.{n}"), "1")).collect();
        bus.bus.publish(&events).await.into_iter().for_each(|answer| _ = answer.unwrap());
    }
    assert!(!known(first).await && !known(Cursor::START).await, "what came behind them is trimmed");
    let oldest = bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap().remove(0).remove(0);
    assert!(known(oldest.position.unwrap().previous).await, "all that came behind it is there");
    let last = bus.publish("user:42", "last", "1").await.cursor.unwrap();
    assert!(known(last).await);
}

pub(crate) async fn volatile_events_are_announced_and_not_kept(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let accepted = one(bus.bus.publish(&[volatile("user:42", "a")]).await);
    assert_eq!((accepted.cursor, accepted.nodes), (None, 1));
    let announced = bus.event().await;
    assert_eq!((announced.class, announced.position), (Class::Volatile, None));
    assert!(!text(&announced).contains("cursor"));
    assert!(bus.bus.read(&[(user(), Cursor::START)], 10).await.unwrap()[0].is_empty());
}

pub(crate) async fn a_connection_needs_no_subscription(mut bus: Fixture) {
    let ours = Channel::connection(ConnectionId { node: bus.node, number: 3 });
    let theirs = Channel::connection(ConnectionId { node: NodeId::from_bits(8), number: 3 });
    assert_eq!(bus.publish(ours.as_str(), "a", "1").await.nodes, 1);
    assert_eq!(bus.publish(theirs.as_str(), "a", "1").await.nodes, 0);
    assert_eq!(bus.event().await.channel, ours);
    bus.nothing_comes().await;
}

pub(crate) async fn a_time_to_live_is_carried(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let with_ttl = Prepared::all(&event("user:42", "a", "1").ttl(60).unwrap()).remove(0);
    one(bus.bus.publish(&[with_ttl]).await);
    let announced = bus.event().await;
    assert_eq!(announced.expires_at, Some(announced.accepted_at / 1000 + 60_000));
    let kept = bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap().remove(0);
    assert_eq!(kept[0].expires_at, announced.expires_at);
}

pub(crate) async fn a_full_queue_says_what_was_missed(mut bus: Fixture) {
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
    .expect("five hundred events do not fit a queue of sixty-four");
    // What fitted comes first, then the word that it was not all.
    loop {
        match next(&mut bus.deliveries).await {
            Delivery::Event(event) => assert_eq!(event.channel, user()),
            Delivery::Missed(channels) => return assert_eq!(channels, [user()]),
            Delivery::MissedAny => panic!("the connection was not lost"),
            Delivery::Reply(_) => panic!("nobody has emitted anything"),
            Delivery::Command(_) => panic!("nobody has ordered anything"),
        }
    }
}

pub(crate) async fn thousands_of_channels_at_once(mut bus: Fixture) {
    let channels: Vec<Channel> = (0..3_000).map(|n| Channel::user(&n.to_string()).unwrap()).collect();
    assert_eq!(bus.bus.subscribe(&channels).await.unwrap().len(), 3_000);
    for number in [0, 499, 500, 2_999] {
        assert_eq!(bus.publish(&format!("user:{number}"), "a", "1").await.nodes, 1);
        assert_eq!(bus.event().await.channel, channels[number]);
    }
    bus.bus.unsubscribe(&channels).await;
    assert_eq!(bus.publish("user:2999", "b", "1").await.nodes, 0);
}
