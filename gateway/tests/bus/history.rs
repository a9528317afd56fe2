//! Users' histories, and what else explains afterwards what became of an event.

use gateway::bus::Happening;
use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

use crate::fixture::{Fixture, user};

fn happening(user: Channel, at: u64, why: &str) -> Happening {
    let id = ConnectionId { node: NodeId::from_bits(7), number: at };
    Happening {
        user,
        entry: ConnectionLogEntry::of_connection(
            at,
            id,
            Some("a phone"),
            ConnectionEvent::Closed { why: why.into() },
        ),
    }
}

fn times(entries: &[ConnectionLogEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.at).collect()
}

pub(crate) async fn a_history_is_read_in_order_of_time(bus: Fixture) {
    assert!(bus.bus.history(&user()).await.unwrap().is_empty());
    let other = Channel::user("43").unwrap();
    let written: Vec<Happening> = [7, 5, 6].map(|at| happening(user(), at, "client")).to_vec();
    bus.bus.remember(&written, 20).await.unwrap();
    bus.bus.remember(&[happening(other.clone(), 9, "stop"), happening(user(), 8, "stop")], 20).await.unwrap();
    let read = bus.bus.history(&user()).await.unwrap();
    assert_eq!(times(&read), [5, 6, 7, 8]);
    assert_eq!(read[2], written[0].entry);
    assert_eq!(times(&bus.bus.history(&other).await.unwrap()), [9]);
}

pub(crate) async fn what_is_remembered_again_is_read_once(bus: Fixture) {
    let written = [happening(user(), 5, "client"), happening(user(), 6, "client")];
    bus.bus.remember(&written, 20).await.unwrap();
    bus.bus.remember(&written, 20).await.unwrap();
    assert_eq!(times(&bus.bus.history(&user()).await.unwrap()), [5, 6]);
}

pub(crate) async fn a_history_is_bounded(bus: Fixture) {
    let written: Vec<Happening> = (1..=1_000).map(|at| happening(user(), at, "client")).collect();
    for batch in written.chunks(100) {
        bus.bus.remember(batch, 20).await.unwrap();
    }
    let read = times(&bus.bus.history(&user()).await.unwrap());
    assert_eq!(read, (981..=1_000).collect::<Vec<u64>>(), "the newest stay");
}

pub(crate) async fn what_an_id_was_answered_is_known(bus: Fixture) {
    assert_eq!(bus.bus.answered(&user(), "a").await, Ok(None));
    let accepted = bus.publish("user:42", "a", "1").await;
    let answered = bus.bus.answered(&user(), "a").await.unwrap().unwrap();
    assert_eq!((answered.cursor, answered.nodes, answered.duplicate), (accepted.cursor, 0, true));
    assert!(answered.cursor > Some(Cursor::START));
    assert_eq!(bus.bus.answered(&Channel::all(), "a").await, Ok(None));
}
