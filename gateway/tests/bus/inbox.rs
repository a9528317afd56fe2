//! The guarantees for the inbox.

use bytes::Bytes;
use gateway::bus::Delivery;
use wirebell_protocol::inbox::{Emission, Emitted, Emitter};
use wirebell_protocol::message::Reply;
use wirebell_protocol::{ConnectionId, NodeId};

use crate::fixture::{Fixture, next};

fn emission(id: Option<&str>) -> Emission {
    let reference = Some("8".to_owned());
    let (data, id) = (r#"{"n" : 1.0}"#.into(), id.map(str::to_owned));
    Emission { kind: "send".to_owned(), data, id, traceparent: None, reference }
}

impl Fixture {
    async fn emit(&self, user: &str, id: Option<&str>) -> Emitted {
        let connection = ConnectionId { node: self.node, number: 1 };
        self.bus.emit(&Emitter { user, device: Some("phone"), connection }, &emission(id)).await.unwrap()
    }
}

pub(crate) async fn emitted_event_is_stored_without_a_consumer(mut bus: Fixture) {
    let emitted = bus.emit("42", None).await;
    assert_eq!(emitted, Emitted { duplicate: false, services: 0, answer: None });
    bus.assert_no_delivery().await;
}

pub(crate) async fn duplicate_id_of_a_user_is_emitted_once(bus: Fixture) {
    assert!(!bus.emit("42", Some("a b}")).await.duplicate);
    assert!(bus.emit("42", Some("a b}")).await.duplicate);
    assert!(!bus.emit("43", Some("a b}")).await.duplicate, "the id of another user");
    assert!(!bus.emit("42", Some("b")).await.duplicate);
    assert!(!bus.emit("42", None).await.duplicate && !bus.emit("42", None).await.duplicate);
}

pub(crate) async fn reply_reaches_only_the_node_of_its_connection(mut bus: Fixture) {
    let frame = Bytes::from_static(b"{\"type\":\"wirebell.reply\",\"ref\":\"\\n \",\"data\":1}");
    let to = |node| Reply {
        connection: ConnectionId { node, number: 31 },
        reference: "\n ".into(),
        frame: frame.clone(),
    };
    bus.bus.reply(&to(NodeId::from_bits(99))).await.unwrap();
    bus.bus.reply(&to(bus.node)).await.unwrap();
    let expected = to(bus.node);
    assert_eq!(next(&mut bus.deliveries).await, Delivery::Reply(expected));
    bus.assert_no_delivery().await;
}
