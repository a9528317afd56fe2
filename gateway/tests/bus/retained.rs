//! The guarantees for retained values.

use std::collections::HashMap;

use wirebell_protocol::{Class, Cursor, Event, Prepared};

use crate::fixture::{Fixture, one, text, user};

fn value(id: &str, key: &str, data: &str) -> Event {
    let mut event = Event::from_json("user:42", "status", data).unwrap().id(id).unwrap().key(key).unwrap();
    event.stamp(String::new, || "2026-11-21T10:00:00.123Z".to_owned());
    event
}

fn prepared(event: &Event) -> Prepared {
    Prepared::all(event).remove(0)
}

pub(crate) async fn last_value_of_each_key_is_retained(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let mut version = Cursor::START;
    for (id, key, data) in [("a", "x", "1"), ("b", "y", "2"), ("c", "x", "3")] {
        let answer = one(bus.bus.publish(&[prepared(&value(id, key, data))]).await);
        assert_eq!((answer.cursor, answer.nodes), (None, 1));
        let announced = bus.event().await;
        let position = announced.position.unwrap();
        assert_eq!((announced.class, position.previous), (Class::Retained, version));
        assert!(position.cursor > version);
        assert!(text(&announced).contains(&format!("\"key\":\"{key}\",\"data\":{data}")), "{}", text(&announced));
        version = position.cursor;
    }
    let all = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    let texts: Vec<String> = all.iter().map(text).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("\"id\":\"b\"") && texts[1].contains("\"id\":\"c\""), "in order: {texts:?}");
    assert_eq!(all[1].position.unwrap().cursor, version);
    let newer = bus.bus.read_retained(&user(), all[0].position.unwrap().cursor).await.unwrap();
    assert_eq!(newer.iter().map(text).collect::<Vec<_>>(), texts[1..]);
    assert!(bus.bus.read_retained(&user(), version).await.unwrap().is_empty());
}

pub(crate) async fn event_type_is_the_default_key(bus: Fixture) {
    for (id, data) in [("a", "1"), ("b", "2")] {
        let mut event = Event::from_json("user:42", "status", data).unwrap().id(id).unwrap();
        event = event.class(Class::Retained).unwrap();
        event.stamp(String::new, || "2026-11-21T10:00:00.123Z".to_owned());
        bus.bus.publish(&[prepared(&event)]).await;
    }
    let all = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    assert_eq!(all.len(), 1);
    assert!(text(&all[0]).contains("\"key\":\"status\",\"data\":2"));
}

pub(crate) async fn subscribe_returns_the_last_version(bus: Fixture) {
    assert_eq!(bus.bus.subscribe(&[user()]).await.unwrap()[0].retained, Cursor::START);
    bus.bus.publish(&[prepared(&value("a", "x", "1"))]).await;
    let log = bus.publish("user:42", "in-the-log", "1").await.cursor.unwrap();
    let ends = bus.bus.subscribe(&[user()]).await.unwrap()[0];
    let kept = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    assert_eq!((ends.log, ends.retained), (log, kept[0].position.unwrap().cursor));
}

pub(crate) async fn expired_value_is_not_returned(bus: Fixture) {
    bus.bus.publish(&[prepared(&value("a", "x", "1").ttl(1).unwrap()), prepared(&value("b", "y", "2"))]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let all = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    assert_eq!(all.len(), 1);
    assert!(text(&all[0]).contains("\"id\":\"b\""));
}

pub(crate) async fn retained_keys_are_bounded(bus: Fixture) {
    let values: Vec<Prepared> = (0..25).map(|n| prepared(&value(&n.to_string(), &format!("k{n}"), "1"))).collect();
    bus.bus.publish(&values).await.into_iter().for_each(|answer| _ = answer.unwrap());
    let all = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    let ids: Vec<String> = all.iter().map(text).collect();
    assert_eq!(ids.len(), 10, "as many as the retention allows");
    assert!(ids[0].contains("\"id\":\"15\"") && ids[9].contains("\"id\":\"24\""), "the newest: {ids:?}");
}

pub(crate) async fn concurrent_changes_have_distinct_versions(bus: Fixture) {
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let bus = bus.bus.clone();
            tokio::spawn(async move {
                one(bus.publish(&[prepared(&value(&n.to_string(), &format!("k{}", n % 4), "1"))]).await)
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = bus.bus.read_retained(&user(), Cursor::START).await.unwrap();
    let versions: HashMap<Cursor, String> =
        all.iter().map(|event| (event.position.unwrap().cursor, text(event))).collect();
    assert_eq!((all.len(), versions.len()), (4, 4));
}
