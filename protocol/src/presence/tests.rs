//! What is written is read again.

use super::*;
use crate::{ConnectionId, NodeId, Order, Transport};

fn connection(number: u64) -> ConnectionId {
    ConnectionId { node: NodeId::from_bits(7), number }
}

fn open(number: u64, device: Option<&str>) -> Open {
    let device = device.map(str::to_owned);
    Open { connection: connection(number), epoch: 2, since: 5 + number, transport: Transport::WebSocket, device }
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_entry_is_a_time_and_a_line_a_session() {
    let online = Online { since: 4, sessions: vec![open(1, None), open(31, Some("my old phone"))] };
    let text = "4\nhaaaaaaa.1 2 6 websocket\nhaaaaaaa.1f 2 36 websocket my old phone";
    assert_eq!(online.encode(), text);
    assert_eq!(Online::parse(text), Some(online));
    assert_eq!(Online::parse("4"), Some(Online { since: 4, sessions: Vec::new() }));
    for strange in ["", "x", "4\n", "4\nhaaaaaaa.1", "4\nhaaaaaaa.1 2 6 pigeon"] {
        assert_eq!(Online::parse(strange), None, "{strange:?}");
    }
}

#[test]
fn what_became_of_changes_is_read() {
    assert_eq!(Changed::parse(&texts(&["gone"])), Some(Changed::LeaseEnded));
    assert_eq!(Changed::parse(&texts(&["late"])), Some(Changed::Late));
    let some = ["done", "replaced", "42", "haaaaaaa.1", "refused", "43", "haaaaaaa.2"];
    let expected = vec![(Admitted::Replaced, connection(1)), (Admitted::Refused, connection(2))];
    assert_eq!(Changed::parse(&texts(&some)), Some(Changed::Done(expected)));
    for strange in [&[][..], &["yes"], &["done", "lost", "42", "haaaaaaa.1"]] {
        assert_eq!(Changed::parse(&texts(strange)), None, "{strange:?}");
    }
}

#[test]
fn what_a_renewal_tells_is_read() {
    let answer = ["renewed", "7", "12", "haaaaaaa/1", "more", "order evict haaaaaaa.1\n"];
    let renewed = Renewed::parse(&texts(&answer)).unwrap();
    assert_eq!((renewed.standing, renewed.batch, renewed.users, renewed.more), (Standing::Good, 7, 12, true));
    assert_eq!(renewed.to_clear.as_deref(), Some("haaaaaaa/1"));
    assert_eq!(renewed.orders, [Order::Evict(connection(1))]);
    let unknown = Renewed::parse(&texts(&["unknown", "0", "0", "", ""])).unwrap();
    assert_eq!((unknown.standing, unknown.to_clear), (Standing::Unknown, None));
    assert_eq!(Renewed::parse(&texts(&["renewed"])), None);
}
