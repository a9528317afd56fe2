//! Connection logs of users, and the lookup of published ids.

use gateway::bus::UserLogEntry;
use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

use crate::fixture::{Fixture, user};

fn entry(user: Channel, at: u64, why: &str) -> UserLogEntry {
    let id = ConnectionId { node: NodeId::from_bits(7), number: at };
    UserLogEntry {
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

pub(crate) async fn connection_log_is_read_in_order_of_time(bus: Fixture) {
    assert!(bus.bus.connection_log(&user()).await.unwrap().is_empty());
    let other = Channel::user("43").unwrap();
    let written: Vec<UserLogEntry> = [7, 5, 6].map(|at| entry(user(), at, "client")).to_vec();
    bus.bus.append_connection_log(&written, 20).await.unwrap();
    bus.bus.append_connection_log(&[entry(other.clone(), 9, "stop"), entry(user(), 8, "stop")], 20).await.unwrap();
    let read = bus.bus.connection_log(&user()).await.unwrap();
    assert_eq!(times(&read), [5, 6, 7, 8]);
    assert_eq!(read[2], written[0].entry);
    assert_eq!(times(&bus.bus.connection_log(&other).await.unwrap()), [9]);
}

pub(crate) async fn entry_written_twice_is_read_once(bus: Fixture) {
    let written = [entry(user(), 5, "client"), entry(user(), 6, "client")];
    bus.bus.append_connection_log(&written, 20).await.unwrap();
    bus.bus.append_connection_log(&written, 20).await.unwrap();
    assert_eq!(times(&bus.bus.connection_log(&user()).await.unwrap()), [5, 6]);
}

pub(crate) async fn connection_log_is_bounded(bus: Fixture) {
    let written: Vec<UserLogEntry> = (1..=1_000).map(|at| entry(user(), at, "client")).collect();
    for batch in written.chunks(100) {
        bus.bus.append_connection_log(batch, 20).await.unwrap();
    }
    let read = times(&bus.bus.connection_log(&user()).await.unwrap());
    assert_eq!(read, (981..=1_000).collect::<Vec<u64>>(), "the newest entries are kept");
}

pub(crate) async fn answer_to_a_published_id_is_found(bus: Fixture) {
    assert_eq!(bus.bus.find_accepted(&user(), "a").await, Ok(None));
    let accepted = bus.publish("user:42", "a", "1").await;
    let answered = bus.bus.find_accepted(&user(), "a").await.unwrap().unwrap();
    assert_eq!((answered.cursor, answered.nodes, answered.duplicate), (accepted.cursor, 0, true));
    assert!(answered.cursor > Some(Cursor::START));
    assert_eq!(bus.bus.find_accepted(&Channel::all(), "a").await, Ok(None));
}
