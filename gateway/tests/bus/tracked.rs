//! The guarantees for tracked and scheduled events: receipts, deadlines, and delivery times.

use std::time::Duration;

use gateway::bus::{Ack, CancelResult, DeliveryReport};
use wirebell_protocol::tracking::{ConnectionState, Receipt, State};
use wirebell_protocol::{Channel, ConnectionId, Cursor, Event, NodeId, Prepared};

use crate::fixture::{Fixture, PATIENCE, one, text, user};

fn event(id: &str) -> Event {
    let mut event = Event::from_json("user:42", "thing", "1").unwrap().id(id).unwrap();
    event.stamp(String::new, || "2026-11-21T10:00:00.123Z".to_owned());
    event
}

fn prepared(event: &Event) -> Prepared {
    Prepared::all(event).remove(0)
}

fn connection(number: u64) -> ConnectionId {
    ConnectionId { node: NodeId::from_bits(7), number }
}

fn ack(device: &str, cursor: Cursor) -> Ack {
    Ack { channel: user(), device: device.into(), connection: connection(1), cursor }
}

fn report(id: &str, number: u64, state: ConnectionState) -> DeliveryReport {
    DeliveryReport {
        channel: user(),
        id: id.into(),
        connection: connection(number),
        device: Some("phone".into()),
        state,
    }
}

impl Fixture {
    async fn accept(&self, event: &Event) -> Option<Cursor> {
        one(self.bus.publish(&[prepared(event)]).await).cursor
    }

    async fn receipt(&self, id: &str) -> Receipt {
        let mut receipts = self.bus.receipts(id).await.unwrap();
        assert_eq!(receipts.len(), 1, "{id}");
        receipts.remove(0)
    }

    async fn wait_for(&self, id: &str, state: State) -> Receipt {
        let wait = async {
            loop {
                let receipt = self.receipt(id).await;
                if receipt.state == state {
                    return receipt;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{id} does not reach {state:?}"))
    }

    async fn final_statuses(&self, id: &str) -> Vec<String> {
        let statuses = self.bus.final_statuses(1_000).await.unwrap();
        statuses.into_iter().filter(|it| it.id == id).map(|it| it.status).collect()
    }

    async fn fallback_count(&self, id: &str) -> usize {
        self.bus.fallbacks(1_000).await.unwrap().iter().filter(|it| it.id == id).count()
    }
}

pub(crate) async fn receipt_contains_the_delivery_status(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let cursor = bus.accept(&event("a").receipt()).await.unwrap();
    let announced = bus.event().await;
    assert_eq!(announced.tracked.as_deref(), Some("a"));
    assert!(text(&announced).ends_with("\"data\":1,\"ack\":true}"), "{}", text(&announced));
    let kept = bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap().remove(0);
    assert_eq!(kept[0].tracked.as_deref(), Some("a"));
    let receipt = bus.receipt("a").await;
    assert_eq!((receipt.state, receipt.cursor, receipt.nodes), (State::Accepted, Some(cursor), 1));
    assert!(receipt.closes_at > receipt.accepted_at && receipt.deadline_at.is_none());
    bus.bus
        .report(&[report("a", 1, ConnectionState::Written), report("a", 2, ConnectionState::Dropped)])
        .await
        .unwrap();
    bus.bus.report(&[report("a", 1, ConnectionState::Written)]).await.unwrap();
    let reported = bus.receipt("a").await.connections;
    let reported: Vec<_> =
        reported.iter().map(|it| (it.connection.as_str(), it.device.as_deref(), it.what)).collect();
    let (first, second) = (connection(1).to_string(), connection(2).to_string());
    assert_eq!(
        reported,
        [
            (first.as_str(), Some("phone"), ConnectionState::Written),
            (second.as_str(), Some("phone"), ConnectionState::Dropped)
        ]
    );
    one(bus.bus.acknowledge(&[ack("phone", cursor)]).await);
    let receipt = bus.receipt("a").await;
    assert_eq!((receipt.state, receipt.acknowledged.len()), (State::Acknowledged, 1));
    assert_eq!(receipt.acknowledged[0].device, "phone");
    assert_eq!(bus.final_statuses("a").await, ["acknowledged"]);
}

pub(crate) async fn untracked_event_has_no_receipt(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let cursor = bus.accept(&event("a")).await.unwrap();
    assert_eq!(bus.event().await.tracked, None);
    bus.bus.report(&[report("a", 1, ConnectionState::Written)]).await.unwrap();
    one(bus.bus.acknowledge(&[ack("phone", cursor)]).await);
    assert!(bus.bus.receipts("a").await.unwrap().is_empty());
    assert!(bus.final_statuses("a").await.is_empty());
}

pub(crate) async fn acknowledgement_covers_earlier_events_of_its_device(bus: Fixture) {
    let mut cursors = Vec::new();
    for id in ["a", "b", "c"] {
        cursors.push(bus.accept(&event(id).receipt()).await.unwrap());
    }
    one(bus.bus.acknowledge(&[ack("phone", cursors[1])]).await);
    one(bus.bus.acknowledge(&[ack("tablet", cursors[2])]).await);
    // After a reconnect, a device repeats an older acknowledgement.
    one(bus.bus.acknowledge(&[ack("phone", cursors[0])]).await);
    let devices = async |id: &str| {
        let receipt = bus.receipt(id).await;
        let mut devices: Vec<String> = receipt.acknowledged.into_iter().map(|it| it.device).collect();
        devices.sort();
        devices
    };
    assert_eq!(devices("a").await, ["phone", "tablet"]);
    assert_eq!(devices("b").await, ["phone", "tablet"]);
    assert_eq!(devices("c").await, ["tablet"]);
    for id in ["a", "b", "c"] {
        assert_eq!(bus.final_statuses(id).await, ["acknowledged"], "only the first acknowledgement is reported");
    }
}

pub(crate) async fn many_events_are_acknowledged_at_once(bus: Fixture) {
    // The log keeps twenty events, and so does the list of tracked events.
    let ids: Vec<String> = (0..700).map(|number| format!("e{number}")).collect();
    let events: Vec<Prepared> = ids.iter().map(|id| prepared(&event(id).receipt())).collect();
    let answers = bus.bus.publish(&events).await;
    let last = answers.into_iter().last().unwrap().unwrap().cursor.unwrap();
    one(bus.bus.acknowledge(&[ack("phone", last)]).await);
    for id in ids.iter().rev().take(20) {
        assert_eq!(bus.receipt(id).await.state, State::Acknowledged, "{id}");
    }
}

pub(crate) async fn event_falls_back_once_at_its_deadline(bus: Fixture) {
    bus.accept(&event("a").deadline(1).unwrap()).await;
    // A publisher that got no answer retries.
    bus.accept(&event("a").deadline(1).unwrap()).await;
    assert_eq!(bus.fallback_count("a").await, 0);
    let receipt = bus.wait_for("a", State::FallenBack).await;
    assert!(receipt.settled_at >= receipt.deadline_at);
    let reported = async {
        while bus.fallback_count("a").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reported).await.expect("the event is in the fallback stream");
    let fallback = bus.bus.fallbacks(1).await.unwrap().remove(0);
    assert_eq!((fallback.id.as_str(), fallback.channel), ("a", user()));
    assert!(fallback.event.contains("\"data\":1") && fallback.event.contains("\"cursor\":"), "{}", fallback.event);
    // Another retry sets the timer again.
    bus.accept(&event("a").deadline(1).unwrap()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((bus.fallback_count("a").await, bus.final_statuses("a").await), (1, vec!["fallen_back".to_owned()]));
}

pub(crate) async fn acknowledgement_cancels_the_deadline(bus: Fixture) {
    let cursor = bus.accept(&event("a").deadline(1).unwrap()).await.unwrap();
    bus.accept(&event("b").deadline(1).unwrap()).await.unwrap();
    one(bus.bus.acknowledge(&[ack("phone", cursor)]).await);
    bus.wait_for("b", State::FallenBack).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((bus.fallback_count("a").await, bus.receipt("a").await.state), (0, State::Acknowledged));
    assert_eq!(bus.final_statuses("a").await, ["acknowledged"]);
    // A late acknowledgement has no effect, but it is recorded.
    let last = bus.receipt("b").await.cursor.unwrap();
    one(bus.bus.acknowledge(&[ack("phone", last)]).await);
    let receipt = bus.receipt("b").await;
    assert_eq!((receipt.state, receipt.acknowledged.len()), (State::FallenBack, 1));
    assert_eq!(bus.final_statuses("b").await, ["fallen_back"]);
}

pub(crate) async fn unacknowledged_event_expires(bus: Fixture) {
    bus.accept(&event("a").receipt().ttl(1).unwrap()).await;
    bus.wait_for("a", State::Expired).await;
    let reported = async {
        while bus.final_statuses("a").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reported).await.unwrap();
    assert_eq!(bus.final_statuses("a").await, ["expired"]);
}

fn in_seconds(seconds: f64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds_f64(seconds);
    wirebell_protocol::event::rfc3339(at)
}

pub(crate) async fn scheduled_event_is_published_at_its_time(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let scheduled = event("a").deliver_at(&in_seconds(1.0)).unwrap();
    let answer = one(bus.bus.publish(&[prepared(&scheduled)]).await);
    assert!(answer.scheduled && answer.cursor.is_none());
    assert!(one(bus.bus.publish(&[prepared(&scheduled)]).await).scheduled, "a retry has no effect");
    assert_eq!(bus.receipt("a").await.state, State::Scheduled);
    assert!(bus.bus.read(&[(user(), Cursor::START)], 1).await.unwrap()[0].is_empty());
    let due = bus.receipt("a").await.deliver_at.unwrap();
    let announced = bus.event().await;
    assert!(announced.accepted_at / 1000 >= due, "not before its delivery time");
    assert!(text(&announced).contains("\"id\":\"a\""));
    assert_eq!(bus.receipt("a").await.state, State::Accepted);
    assert!(one(bus.bus.publish(&[prepared(&scheduled)]).await).duplicate);
    bus.assert_no_delivery().await;
}

pub(crate) async fn scheduled_event_has_a_deadline_after_its_publication(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let scheduled = event("a").deliver_at(&in_seconds(0.5)).unwrap().deadline(1).unwrap();
    bus.bus.publish(&[prepared(&scheduled)]).await;
    bus.event().await;
    let receipt = bus.wait_for("a", State::FallenBack).await;
    assert!(receipt.settled_at >= receipt.deadline_at);
    assert!(receipt.deadline_at.unwrap() >= receipt.deliver_at.unwrap() + 1_000);
}

pub(crate) async fn scheduled_event_can_be_cancelled(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let scheduled = event("a").deliver_at(&in_seconds(1.0)).unwrap().receipt();
    bus.bus.publish(&[prepared(&scheduled)]).await;
    assert_eq!(bus.bus.cancel("a").await, Ok(CancelResult::Cancelled));
    assert_eq!(bus.bus.cancel("a").await, Ok(CancelResult::Cancelled));
    assert_eq!(bus.bus.cancel("unknown").await, Ok(CancelResult::Unknown));
    assert_eq!(bus.receipt("a").await.state, State::Cancelled);
    assert_eq!(bus.final_statuses("a").await, ["cancelled"]);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bus.assert_no_delivery().await;
    bus.accept(&event("b").receipt()).await;
    assert_eq!(bus.bus.cancel("b").await, Ok(CancelResult::Published));
}

pub(crate) async fn event_scheduled_in_the_past_is_published_now(mut bus: Fixture) {
    bus.bus.subscribe(&[user()]).await.unwrap();
    let answer = bus.accept(&event("a").deliver_at("2020-01-01T00:00:00Z").unwrap()).await;
    assert_eq!(bus.event().await.position.map(|position| position.cursor), answer);
}

pub(crate) async fn each_channel_has_its_own_receipt(bus: Fixture) {
    let event = event("a").receipt().and_to("user:43").unwrap();
    let both = Prepared::all(&event);
    let answers = bus.bus.publish(&both).await;
    let first = answers[0].clone().unwrap().cursor.unwrap();
    one(bus.bus.acknowledge(&[ack("phone", first)]).await);
    let receipts = bus.bus.receipts("a").await.unwrap();
    let states: Vec<(&Channel, State)> = receipts.iter().map(|it| (&it.channel, it.state)).collect();
    let other = Channel::user("43").unwrap();
    assert_eq!(states, [(&user(), State::Acknowledged), (&other, State::Accepted)]);
}
