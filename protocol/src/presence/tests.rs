//! Encoding and parsing of presence entries and replies.

use super::*;
use crate::{ConnectionId, NodeCommand, NodeId, Transport};

fn connection(number: u64) -> ConnectionId {
    ConnectionId { node: NodeId::from_bits(7), number }
}

fn open(number: u64, device: Option<&str>) -> OpenSession {
    let device = device.map(str::to_owned);
    OpenSession {
        connection: connection(number),
        epoch: 2,
        since: 5 + number,
        transport: Transport::WebSocket,
        device,
    }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn entry_is_a_time_and_one_line_per_session() {
    let online = OnlineUser { since: 4, sessions: vec![open(1, None), open(31, Some("my old phone"))] };
    let text = "4\nhaaaaaaa.1 2 6 websocket\nhaaaaaaa.1f 2 36 websocket my old phone";
    assert_eq!(online.encode(), text);
    assert_eq!(OnlineUser::parse(text), Some(online));
    assert_eq!(OnlineUser::parse("4"), Some(OnlineUser { since: 4, sessions: Vec::new() }));
    for malformed in ["", "x", "4\n", "4\nhaaaaaaa.1", "4\nhaaaaaaa.1 2 6 pigeon"] {
        assert_eq!(OnlineUser::parse(malformed), None, "{malformed:?}");
    }
}

#[test]
fn change_replies_are_parsed() {
    assert_eq!(ChangeResult::parse(&texts(&["gone"])), Some(ChangeResult::LeaseEnded));
    assert_eq!(ChangeResult::parse(&texts(&["late"])), Some(ChangeResult::Stale));
    let some = ["done", "replaced", "42", "haaaaaaa.1", "refused", "43", "haaaaaaa.2"];
    let expected = vec![(JoinResult::Replaced, connection(1)), (JoinResult::Rejected, connection(2))];
    assert_eq!(ChangeResult::parse(&texts(&some)), Some(ChangeResult::Done(expected)));
    for malformed in [&[][..], &["yes"], &["done", "lost", "42", "haaaaaaa.1"]] {
        assert_eq!(ChangeResult::parse(&texts(malformed)), None, "{malformed:?}");
    }
}

#[test]
fn renew_replies_are_parsed() {
    let answer = ["renewed", "7", "12", "haaaaaaa/1", "more", "order evict haaaaaaa.1\n"];
    let renewed = Renewed::parse(&texts(&answer)).unwrap();
    assert_eq!((renewed.status, renewed.batch, renewed.users, renewed.more), (LeaseStatus::Valid, 7, 12, true));
    assert_eq!(renewed.to_clear.as_deref(), Some("haaaaaaa/1"));
    assert_eq!(renewed.commands, [NodeCommand::Evict(connection(1))]);
    let unknown = Renewed::parse(&texts(&["unknown", "0", "0", "", ""])).unwrap();
    assert_eq!((unknown.status, unknown.to_clear), (LeaseStatus::Unknown, None));
    assert_eq!(Renewed::parse(&texts(&["renewed"])), None);
}
