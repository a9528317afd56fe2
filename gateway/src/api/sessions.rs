//! Reconstructs a user's sessions from the user's connection log. Does no I/O.

use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::{Cursor, NodeId};

/// One session, as far as the connection log shows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session<'a> {
    pub(super) connection: &'a str,
    pub(super) device: Option<&'a str>,
    /// None if the log no longer contains its start.
    pub(super) opened: Option<Opened<'a>>,
    pub(super) end: Option<End<'a>>,
    /// Logs that the session reads to catch up, since its send buffer was full.
    pub(super) catching_up: Vec<CatchUp<'a>>,
}

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened<'a> {
    pub(super) at: u64,
    pub(super) transport: &'a str,
    /// The cursor that the client sent.
    pub(super) cursor: Option<Cursor>,
    pub(super) recovered: bool,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End<'a> {
    /// When it ended. If its node is gone: the time of its last log entry.
    pub(super) at: u64,
    pub(super) why: &'a str,
}

/// A log that a session reads to catch up, at its client's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CatchUp<'a> {
    pub(super) channel: &'a str,
    pub(super) after: Cursor,
    pub(super) since: u64,
}

/// The reason for the end of a session whose node is gone.
pub(super) const NODE_GONE: &str = "node_gone";

impl<'a> Session<'a> {
    /// Returns the node of the session.
    pub(super) fn node(&self) -> &'a str {
        self.connection.split('.').next().unwrap_or_default()
    }

    /// Returns whether the session was open at that time.
    pub(super) fn was_open_at(&self, at: u64) -> bool {
        self.opened.is_none_or(|opened| opened.at <= at) && self.end.is_none_or(|end| end.at > at)
    }
}

/// Returns the sessions in the order of their first log entry. If the live nodes are given,
/// sessions on other nodes count as ended.
pub(super) fn from_connection_log<'a>(
    connection_log: &'a [ConnectionLogEntry],
    live_nodes: Option<&[NodeId]>,
) -> Vec<Session<'a>> {
    let mut sessions: Vec<Session<'a>> = Vec::new();
    let mut last_seen: Vec<u64> = Vec::new();
    for entry in connection_log {
        let Some(connection) = entry.connection.as_deref() else { continue };
        let index = sessions.iter().position(|session| session.connection == connection);
        let index = index.unwrap_or_else(|| {
            let device = entry.device.as_deref();
            sessions.push(Session { connection, device, opened: None, end: None, catching_up: Vec::new() });
            last_seen.push(0);
            sessions.len() - 1
        });
        last_seen[index] = entry.at;
        apply(&mut sessions[index], entry);
    }
    if let Some(live_nodes) = live_nodes {
        let is_alive = |session: &Session<'_>| live_nodes.iter().any(|node| node.as_str() == session.node());
        for (session, at) in sessions.iter_mut().zip(last_seen) {
            if session.end.is_none() && !is_alive(session) {
                session.end = Some(End { at, why: NODE_GONE });
            }
        }
    }
    sessions
}

/// Updates the session with the next entry of its log.
fn apply<'a>(session: &mut Session<'a>, entry: &'a ConnectionLogEntry) {
    let at = entry.at;
    match &entry.event {
        ConnectionEvent::Opened { transport, cursor, recovered } => {
            session.opened = Some(Opened { at, transport, cursor: *cursor, recovered: *recovered });
        }
        ConnectionEvent::Closed { why } => session.end = Some(End { at, why }),
        ConnectionEvent::Slow { channel, after } => {
            session.catching_up.push(CatchUp { channel, after: *after, since: at });
        }
        ConnectionEvent::CaughtUp { channel, .. } => {
            session.catching_up.retain(|catching_up| catching_up.channel != &**channel);
        }
        ConnectionEvent::Rejected { .. } | ConnectionEvent::Gap { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirebell_protocol::ConnectionId;

    fn entry(at: u64, node: u64, number: u64, what: ConnectionEvent) -> ConnectionLogEntry {
        let id = ConnectionId { node: NodeId::from_bits(node), number };
        ConnectionLogEntry::of_connection(at, id, Some("phone"), what)
    }

    fn opened() -> ConnectionEvent {
        ConnectionEvent::Opened { transport: "websocket".into(), cursor: None, recovered: true }
    }

    fn closed(why: &str) -> ConnectionEvent {
        ConnectionEvent::Closed { why: why.into() }
    }

    #[test]
    fn a_session_opens_and_closes() {
        let connection_log = [entry(5, 1, 1, opened()), entry(6, 1, 2, opened()), entry(9, 1, 1, closed("client"))];
        let sessions = from_connection_log(&connection_log, None);
        let ends: Vec<_> = sessions.iter().map(|session| session.end.map(|end| end.why)).collect();
        assert_eq!(ends, [Some("client"), None]);
        assert!(sessions[0].was_open_at(5) && sessions[0].was_open_at(8));
        assert!(!sessions[0].was_open_at(4) && !sessions[0].was_open_at(9));
        assert!(sessions[1].was_open_at(u64::MAX));
    }

    #[test]
    fn a_session_ends_with_its_node() {
        let connection_log = [entry(5, 1, 1, opened()), entry(6, 2, 1, opened())];
        let sessions = from_connection_log(&connection_log, Some(&[NodeId::from_bits(2)]));
        assert_eq!(sessions[0].end, Some(End { at: 5, why: NODE_GONE }));
        assert_eq!(sessions[1].end, None);
    }

    #[test]
    fn a_slow_session_catches_up() {
        let after = Cursor { millis: 3, sequence: 0 };
        let slow = |channel: &str| ConnectionEvent::Slow { channel: channel.into(), after };
        let caught_up = ConnectionEvent::CaughtUp { channel: "user:42".into(), upto: after };
        let connection_log =
            [entry(5, 1, 1, slow("user:42")), entry(6, 1, 1, slow("topic:news")), entry(7, 1, 1, caught_up)];
        let sessions = from_connection_log(&connection_log, None);
        assert_eq!(sessions[0].catching_up, [CatchUp { channel: "topic:news", after, since: 6 }]);
        assert_eq!(sessions[0].opened, None, "the log no longer contains its start");
    }
}
