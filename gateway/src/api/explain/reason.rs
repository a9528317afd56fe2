//! Why no device has acknowledged an event, as far as the facts show: the first reason in this list
//! that applies.

use wirebell_protocol::Cursor;
use wirebell_protocol::connection_log::ConnectionEvent;
use wirebell_protocol::tracking::{ConnectionState, ConnectionStatus};

use super::super::sessions::{self, End, NODE_GONE, Session};
use super::facts::Facts;
use super::{describe_connection, timestamp};

/// The reason why no device has acknowledged an event.
pub(super) struct Reason {
    /// A stable code, for programs.
    pub(super) code: &'static str,
    /// A sentence, for people.
    pub(super) says: String,
}

/// Returns the first reason that applies.
pub(super) fn reason(facts: &Facts) -> Reason {
    let sessions = sessions::from_connection_log(&facts.connection_log, facts.live_nodes.as_deref());
    let sessions = Sessions { facts, all: &sessions };
    from_connections(facts, &sessions)
        .or_else(|| sessions.gap())
        .or_else(|| sessions.catching_up())
        .or_else(|| sessions.already_received())
        .or_else(|| sessions.connected())
        .unwrap_or_else(|| sessions.not_connected())
}

/// Returns the reason that the delivery record states for a connection.
fn from_connections(facts: &Facts, sessions: &Sessions<'_>) -> Option<Reason> {
    let status = facts.receipt.as_ref().map(|receipt| receipt.connections.as_slice()).unwrap_or_default();
    let last = |what| status.iter().rev().find(|status| status.what == what);
    if let Some(written) = last(ConnectionState::Written) {
        return Some(Reason { code: "written", says: written_to(written, sessions) });
    }
    if let Some(dropped) = last(ConnectionState::Dropped) {
        let (at, on) = (timestamp(dropped.at), describe_connection(&dropped.connection, dropped.device.as_deref()));
        let says = format!("It was dropped at {at}: it is volatile, and the send buffer of {on} was full.");
        return Some(Reason { code: "dropped", says });
    }
    last(ConnectionState::Expired).map(|expired| {
        let (at, on) = (timestamp(expired.at), describe_connection(&expired.connection, expired.device.as_deref()));
        let says = format!("Its ttl had expired at {at}, before it was written to {on}.");
        Reason { code: "ttl", says }
    })
}

fn written_to(written: &ConnectionStatus, sessions: &Sessions<'_>) -> String {
    let (at, on) = (timestamp(written.at), describe_connection(&written.connection, written.device.as_deref()));
    let session = sessions.all.iter().find(|session| session.connection == written.connection);
    let since = match session.map(|session| session.end) {
        Some(Some(end)) => format!(" That session ended at {}: {}.", timestamp(end.at), close_reason(end.why)),
        Some(None) => " That session is still open.".to_owned(),
        None => String::new(),
    };
    format!("It was written to {on} at {at} and is not acknowledged.{since}")
}

/// The user's sessions, and the reasons that follow from them.
struct Sessions<'a> {
    facts: &'a Facts,
    all: &'a [Session<'a>],
}

impl Sessions<'_> {
    /// A client was notified of a gap that includes the event.
    fn gap(&self) -> Option<Reason> {
        let cursor = self.facts.cursor?;
        let gap = self.facts.connection_log.iter().rev().find(|entry| match &entry.event {
            ConnectionEvent::Gap { after, before, .. } => {
                *after < cursor && before.is_none_or(|before| cursor < before) && !self.facts.is_in_log
            }
            ConnectionEvent::Opened { cursor: Some(client_cursor), recovered: false, .. } => {
                *client_cursor < cursor && !self.facts.is_in_log
            }
            _ => false,
        })?;
        let recipient = match gap.connection.as_deref() {
            Some(connection) => describe_connection(connection, gap.device.as_deref()),
            None => format!("every connection of the user on node {}", gap.node_name().unwrap_or_default()),
        };
        let at = timestamp(gap.at);
        let says = format!(
            "The log no longer contained it when it was needed: {recipient} was notified of a gap at {at}."
        );
        Some(Reason { code: "gap", says })
    }

    /// A session is catching up and has not reached the event.
    fn catching_up(&self) -> Option<Reason> {
        let cursor = self.facts.cursor.filter(|_| self.facts.is_in_log)?;
        let reads =
            |session: &&Session<'_>| session.end.is_none() && self.catch_up_position(session, cursor).is_some();
        let session = self.all.iter().rev().find(reads)?;
        let (after, since) = self.catch_up_position(session, cursor)?;
        let on = describe_connection(session.connection, session.device);
        let says = format!(
            "{on} is catching up: since {} it reads the log after {after}, and has not reached the event.",
            timestamp(since)
        );
        Some(Reason { code: "behind", says: capitalize(&says) })
    }

    /// Returns the cursor after which a session reads towards the event, and since when.
    fn catch_up_position(&self, session: &Session<'_>, cursor: Cursor) -> Option<(Cursor, u64)> {
        if let Some(slow) = session.catching_up.iter().find(|catch_up| catch_up.after < cursor) {
            return Some((slow.after, slow.since));
        }
        let opened = session.opened?;
        let client_cursor = opened.cursor.filter(|client_cursor| *client_cursor < cursor)?;
        // For a tracked event, the record would contain the write.
        self.facts.receipt.as_ref().filter(|_| self.caught_up(session, cursor).is_none())?;
        Some((client_cursor, opened.at))
    }

    fn caught_up(&self, session: &Session<'_>, cursor: Cursor) -> Option<u64> {
        let reached = self.facts.connection_log.iter().find(|entry| {
            let is_its = entry.connection.as_deref() == Some(session.connection);
            is_its && matches!(&entry.event, ConnectionEvent::CaughtUp { upto, .. } if *upto >= cursor)
        });
        reached.map(|entry| entry.at)
    }

    /// The client reconnected with a cursor at or after the event: it has received the event, or
    /// does not want it.
    fn already_received(&self) -> Option<Reason> {
        let (cursor, accepted_at) = (self.facts.cursor?, self.facts.accepted_at?);
        let session = self.all.iter().rev().find(|session| {
            let client_cursor =
                session.opened.filter(|opened| opened.at > accepted_at).and_then(|opened| opened.cursor);
            client_cursor.is_some_and(|client_cursor| client_cursor >= cursor)
        })?;
        let on = describe_connection(session.connection, session.device);
        let at = session.opened.map_or_else(String::new, |opened| timestamp(opened.at));
        let says =
            format!("{on} connected at {at} with a cursor at or after the event: the client had it already.");
        Some(Reason { code: "had_it", says: capitalize(&says) })
    }

    /// A session was open when the event was published, or opened later.
    fn connected(&self) -> Option<Reason> {
        let accepted_at = self.facts.accepted_at?;
        if let Some(session) = self.all.iter().rev().find(|session| session.was_open_at(accepted_at)) {
            return Some(self.was_connected(session));
        }
        let session =
            self.all.iter().find(|session| session.opened.is_some_and(|opened| opened.at > accepted_at))?;
        let opened = session.opened?;
        let (on, at) = (describe_connection(session.connection, session.device), timestamp(opened.at));
        if self.is_expired_at(opened.at) {
            return None;
        }
        let (code, says) = match opened.cursor {
            None => (
                "no_cursor",
                format!(
                    "{on} connected at {at}, after the event was published, without a cursor: it receives later events only."
                ),
            ),
            Some(_) => (
                "read",
                format!("{on} connected at {at} with a cursor before the event, and has read it from the log."),
            ),
        };
        Some(Reason { code, says: capitalize(&says) })
    }

    fn was_connected(&self, session: &Session<'_>) -> Reason {
        let on = describe_connection(session.connection, session.device);
        let ended = session.end.map_or_else(String::new, |end| {
            format!(" That session ended at {}: {}.", timestamp(end.at), close_reason(end.why))
        });
        let (code, says) = if self.facts.receipt.is_some() {
            (
                "not_written",
                format!("{on} was open, but the delivery record shows no write to that connection.{ended}"),
            )
        } else {
            let says = format!(
                "{on} was open. The event was published without a receipt, so it is not known whether it was written. No \
                 error is known.{ended}"
            );
            ("connected", says)
        };
        Reason { code, says: capitalize(&says) }
    }

    /// No session was open.
    fn not_connected(&self) -> Reason {
        let (code, mut says) = self.last_disconnect();
        if let Some(expires_at) = self.facts.expires_at.filter(|at| *at <= self.facts.now) {
            return Reason { code: "ttl", says: format!("Its ttl expired at {}. {says}", timestamp(expires_at)) };
        }
        if self.facts.cursor.is_some() && !self.facts.is_in_log {
            says.push_str(" The log no longer contains it, so a client that reconnects does not receive it.");
        }
        Reason { code, says }
    }

    /// Returns since when no session is open, and why.
    fn last_disconnect(&self) -> (&'static str, String) {
        let accepted_at = self.facts.accepted_at.unwrap_or(self.facts.now);
        let ended = |session: &&Session<'_>| session.end.is_some_and(|end| end.at <= accepted_at);
        let last = self.all.iter().filter(ended).max_by_key(|session| session.end.map(|end| end.at));
        let rejection = self.facts.connection_log.iter().rev().find_map(|entry| match &entry.event {
            ConnectionEvent::Rejected { why } => Some((entry, &**why)),
            _ => None,
        });
        if let Some((entry, why)) = rejection
            && last.is_none_or(|session| session.end.is_some_and(|end| end.at <= entry.at))
        {
            let says = format!(
                "No session was open: a client of the user was rejected at {}, {}.",
                timestamp(entry.at),
                rejection_reason(why)
            );
            return (if why == "token_expired" { "token_expired" } else { "refused" }, says);
        }
        match last.and_then(|session| session.end.map(|end| (session, end))) {
            Some((session, end)) => (code_of_end(end), offline_since(session, end)),
            None if self.facts.nodes == Some(0) || !self.facts.connection_log.is_empty() => {
                ("offline", "No session of the user was open when it was published.".to_owned())
            }
            None => ("unknown", "It is not known which sessions were open when it was published.".to_owned()),
        }
    }

    fn is_expired_at(&self, at: u64) -> bool {
        self.facts.expires_at.is_some_and(|expires_at| expires_at <= at)
    }
}

fn code_of_end(end: End<'_>) -> &'static str {
    if end.why == "expired" { "token_expired" } else { "offline" }
}

fn offline_since(session: &Session<'_>, end: End<'_>) -> String {
    let (on, at) = (describe_connection(session.connection, session.device), timestamp(end.at));
    format!("No session was open: offline since {at}, when {on} ended: {}.", close_reason(end.why))
}

/// Describes why a session ended.
fn close_reason(why: &str) -> String {
    let text = match why {
        "client" => "the client closed the connection, or the connection was lost",
        "dead" => "the client did not answer a ping",
        "stalled" => "the client accepted no data for too long",
        "expired" => "its token had expired",
        "drain" => "the node was being replaced",
        "replaced" => "a newer session of this user replaced it",
        "disconnected" => "a service disconnected it",
        "revoked" => "its token was revoked",
        "stop" => "the node was stopped",
        NODE_GONE => "its node is gone; this is its last log entry",
        other => return format!("`{other}`"),
    };
    text.to_owned()
}

fn rejection_reason(why: &str) -> String {
    if why == "token_expired" {
        "because its token had expired".to_owned()
    } else {
        format!("with the code `{why}`")
    }
}

/// Capitalizes the first letter.
fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
