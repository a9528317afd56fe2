//! Every verdict, each from facts that a bus can return.

use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::tracking::{Acknowledged, ConnectionState, ConnectionStatus, Receipt, State};
use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

use super::{Facts, timeline, verdict};

/// When the event was accepted, and the current time.
const ACCEPTED: u64 = 1_000;
const NOW: u64 = 5_000;

fn user() -> Channel {
    Channel::user("42").unwrap()
}

fn cursor(millis: u64) -> Cursor {
    Cursor { millis, sequence: 0 }
}

fn node(bits: u64) -> NodeId {
    NodeId::from_bits(bits)
}

fn id(number: u64) -> ConnectionId {
    ConnectionId { node: node(7), number }
}

fn entry(at: u64, number: u64, what: ConnectionEvent) -> ConnectionLogEntry {
    ConnectionLogEntry::of_connection(at, id(number), Some("phone"), what)
}

fn opened(at: u64, number: u64) -> ConnectionLogEntry {
    entry(at, number, ConnectionEvent::Opened { transport: "websocket".into(), cursor: None, recovered: true })
}

fn reconnected(at: u64, number: u64, with: u64, recovered: bool) -> ConnectionLogEntry {
    let cursor = Some(cursor(with));
    entry(at, number, ConnectionEvent::Opened { transport: "websocket".into(), cursor, recovered })
}

fn closed(at: u64, number: u64, why: &str) -> ConnectionLogEntry {
    entry(at, number, ConnectionEvent::Closed { why: why.into() })
}

fn refused(at: u64, why: &str) -> ConnectionLogEntry {
    ConnectionLogEntry::of_node(at, node(7), ConnectionEvent::Rejected { why: why.into() })
}

/// A durable event in the log, without a delivery record.
fn untracked(connection_log: Vec<ConnectionLogEntry>) -> Facts {
    Facts {
        accepted_at: Some(ACCEPTED),
        cursor: Some(cursor(ACCEPTED)),
        nodes: Some(1),
        is_in_log: true,
        connection_log,
        live_nodes: Some(vec![node(7)]),
        now: NOW,
        ..Facts::default()
    }
}

/// The same event with a delivery record.
fn tracked(state: State, connection_log: Vec<ConnectionLogEntry>) -> Facts {
    let receipt = Receipt {
        channel: user(),
        state,
        deliver_at: None,
        accepted_at: Some(ACCEPTED),
        cursor: Some(cursor(ACCEPTED)),
        nodes: 1,
        expires_at: None,
        deadline_at: None,
        closes_at: None,
        settled_at: state.is_settled().then_some(2_000),
        connections: Vec::new(),
        more_connections: 0,
        acknowledged: Vec::new(),
    };
    Facts { receipt: Some(receipt), ..untracked(connection_log) }
}

fn with_connection(what: ConnectionState, connection_log: Vec<ConnectionLogEntry>) -> Facts {
    let mut facts = tracked(State::Accepted, connection_log);
    let status =
        ConnectionStatus { connection: id(1).to_string(), device: Some("phone".to_owned()), what, at: 1_200 };
    facts.receipt.as_mut().unwrap().connections.push(status);
    facts
}

fn acknowledged(state: State) -> Facts {
    let mut facts = tracked(state, Vec::new());
    let ack = Acknowledged { device: "phone".to_owned(), connection: id(1).to_string(), at: 1_300 };
    facts.receipt.as_mut().unwrap().acknowledged.push(ack);
    facts
}

fn trimmed(facts: Facts) -> Facts {
    Facts { is_in_log: false, ..facts }
}

fn expired(facts: Facts) -> Facts {
    Facts { expires_at: Some(3_000), ..facts }
}

/// Name, facts, expected code, expected reason, and texts that the sentence contains.
type Row = (&'static str, Facts, &'static str, Option<&'static str>, &'static [&'static str]);

fn final_states() -> Vec<Row> {
    let scheduled = Facts { accepted_at: None, cursor: None, ..tracked(State::Scheduled, Vec::new()) };
    vec![
        ("scheduled", scheduled, "scheduled", None, &[]),
        ("cancelled", tracked(State::Cancelled, Vec::new()), "cancelled", None, &["1970-01-01T00:00:02.000Z"]),
        (
            "acknowledged",
            acknowledged(State::Acknowledged),
            "acknowledged",
            None,
            &["`phone`", "node haaaaaaa", "01.300Z"],
        ),
        ("too late", acknowledged(State::FallenBack), "fallen_back", Some("late"), &["too late", "`phone`"]),
        (
            "fallen back while offline",
            tracked(State::FallenBack, vec![closed(900, 1, "dead")]),
            "fallen_back",
            Some("offline"),
            &[
                "fallback stream at 1970-01-01T00:00:02.000Z",
                "offline since 1970-01-01T00:00:00.900Z",
                "did not answer a ping",
            ],
        ),
        (
            "not acknowledged in time",
            {
                Facts {
                    receipt: with_connection(ConnectionState::Written, vec![opened(500, 1)])
                        .receipt
                        .map(|it| Receipt { state: State::Expired, settled_at: Some(2_000), ..it }),
                    ..untracked(vec![opened(500, 1)])
                }
            },
            "expired",
            Some("written"),
            &["still open"],
        ),
    ]
}

fn in_delivery() -> Vec<Row> {
    let slow = |at| entry(at, 1, ConnectionEvent::Slow { channel: "user:42".into(), after: cursor(800) });
    let gap = |at| {
        ConnectionLogEntry::of_node(
            at,
            node(7),
            ConnectionEvent::Gap { channel: "user:42".into(), after: cursor(800), before: Some(cursor(1_500)) },
        )
    };
    vec![
        (
            "written",
            with_connection(ConnectionState::Written, vec![opened(500, 1), closed(1_250, 1, "client")]),
            "written",
            None,
            &["written to connection haaaaaaa.1 of the device `phone` on node haaaaaaa", "ended at"],
        ),
        (
            "dropped",
            with_connection(ConnectionState::Dropped, vec![opened(500, 1)]),
            "dropped",
            None,
            &["send buffer"],
        ),
        (
            "expired in the send buffer",
            with_connection(ConnectionState::Expired, vec![opened(500, 1)]),
            "ttl",
            None,
            &["ttl had expired"],
        ),
        (
            "slow",
            tracked(State::Accepted, vec![opened(500, 1), slow(900)]),
            "behind",
            None,
            &["is catching up", "800-0"],
        ),
        ("slow, without a record", untracked(vec![opened(500, 1), slow(900)]), "behind", None, &["800-0"]),
        (
            "reconnected, and has not read it",
            tracked(State::Accepted, vec![reconnected(1_100, 1, 700, true)]),
            "behind",
            None,
            &["700-0"],
        ),
        (
            "a gap that the node reported",
            trimmed(untracked(vec![opened(500, 1), gap(1_600)])),
            "gap",
            None,
            &["every connection of the user on node haaaaaaa"],
        ),
        (
            "a gap on reconnect",
            trimmed(untracked(vec![reconnected(1_600, 1, 700, false)])),
            "gap",
            None,
            &["haaaaaaa.1", "01.600Z"],
        ),
        ("connected", untracked(vec![opened(500, 1)]), "connected", None, &["published without a receipt"]),
        (
            "connected, and no write recorded",
            tracked(State::Accepted, vec![opened(500, 1)]),
            "not_written",
            None,
            &["no write to that connection"],
        ),
        (
            "its node died",
            Facts {
                live_nodes: Some(vec![node(1)]),
                ..tracked(State::Accepted, vec![opened(500, 1), slow(1_400)])
            },
            "not_written",
            None,
            &["its node is gone"],
        ),
        ("read on reconnect", untracked(vec![reconnected(1_600, 1, 700, true)]), "read", None, &["has read it"]),
        (
            "had it already",
            untracked(vec![reconnected(1_600, 1, 1_000, true)]),
            "had_it",
            None,
            &["had it already"],
        ),
        (
            "connected without a cursor",
            untracked(vec![closed(900, 2, "client"), opened(1_100, 1)]),
            "no_cursor",
            None,
            &["without a cursor"],
        ),
    ]
}

fn offline() -> Vec<Row> {
    let opened_and_closed = || vec![opened(500, 1), closed(900, 1, "client")];
    vec![
        (
            "never connected",
            Facts { nodes: Some(0), ..untracked(Vec::new()) },
            "offline",
            None,
            &["No session of the user was open"],
        ),
        (
            "offline",
            untracked(opened_and_closed()),
            "offline",
            None,
            &["offline since 1970-01-01T00:00:00.900Z", "haaaaaaa.1", "the client closed"],
        ),
        (
            "offline, and trimmed",
            trimmed(untracked(opened_and_closed())),
            "offline",
            None,
            &["no longer contains it"],
        ),
        (
            "its token expired",
            untracked(vec![opened(500, 1), closed(900, 1, "expired")]),
            "token_expired",
            None,
            &["its token had expired"],
        ),
        (
            "rejected because of its token",
            untracked(vec![closed(800, 1, "client"), refused(1_500, "token_expired")]),
            "token_expired",
            None,
            &["rejected at"],
        ),
        ("refused", untracked(vec![refused(700, "too_many")]), "refused", None, &["too_many"]),
        (
            "rejected before, and then accepted",
            untracked(vec![refused(400, "token_expired"), opened(500, 1), closed(900, 1, "client")]),
            "offline",
            None,
            &[],
        ),
        (
            "expired by then",
            expired(untracked(opened_and_closed())),
            "ttl",
            None,
            &["ttl expired at 1970-01-01T00:00:03.000Z", "offline since"],
        ),
        (
            "expired before the reconnect",
            expired(untracked([opened_and_closed(), vec![reconnected(4_000, 2, 700, true)]].concat())),
            "ttl",
            None,
            &["ttl expired"],
        ),
        (
            "the node died",
            Facts { live_nodes: Some(vec![node(1)]), ..untracked(vec![opened(500, 1)]) },
            "offline",
            None,
            &["its node is gone"],
        ),
        (
            "no facts",
            Facts { nodes: None, live_nodes: None, ..untracked(Vec::new()) },
            "unknown",
            None,
            &["not known which sessions"],
        ),
    ]
}

#[test]
fn every_verdict_has_its_code_and_text() {
    for (name, facts, code, why, texts) in [final_states(), in_delivery(), offline()].into_iter().flatten() {
        let found = verdict(&facts);
        assert_eq!((found.code, found.why), (code, why), "{name}: {}", found.says);
        for text in texts {
            assert!(found.says.contains(text), "{name}: no `{text}` in: {}", found.says);
        }
        assert!(found.says.starts_with(char::is_uppercase) && found.says.ends_with('.'), "{name}: {}", found.says);
    }
}

#[test]
fn a_timeline_is_ordered_and_names_nodes() {
    let mut facts = with_connection(ConnectionState::Written, vec![opened(500, 1), closed(1_250, 1, "client")]);
    let ack = Acknowledged { device: "phone".to_owned(), connection: id(2).to_string(), at: 2_500 };
    facts.receipt.as_mut().unwrap().acknowledged.push(ack);
    let other = (Channel::topic("news").unwrap(), Facts { connection_log: Vec::new(), ..untracked(Vec::new()) });
    let moments = serde_json::to_value(timeline(&[(user(), facts), other])).unwrap();
    let column = |name: &str| -> Vec<String> {
        moments.as_array().unwrap().iter().map(|moment| moment[name].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(column("what"), ["opened", "accepted", "accepted", "written", "closed", "acknowledged"]);
    assert_eq!(column("channel")[1..3], ["user:42", "topic:news"]);
    assert_eq!(column("connection"), ["haaaaaaa.1", "-", "-", "haaaaaaa.1", "haaaaaaa.1", "haaaaaaa.2"]);
    assert_eq!(column("at")[5], "1970-01-01T00:00:02.500Z");
}
