//! Why nobody has acknowledged an event, as far as that can be known: the first of these that the facts bear out.

use wirebell_protocol::Cursor;
use wirebell_protocol::history::Happened;
use wirebell_protocol::tracking::{Noted, What};

use super::super::sessions::{self, End, NODE_GONE, Session};
use super::facts::Facts;
use super::{describe_connection, timestamp};

/// A reason.
pub(super) struct Reason {
    /// A fixed word.
    pub(super) code: &'static str,
    /// For people.
    pub(super) says: String,
}

/// The reason that the facts bear out.
pub(super) fn reason(facts: &Facts) -> Reason {
    let sessions = sessions::from_connection_log(&facts.history, facts.live_nodes.as_deref());
    let sessions = Sessions { facts, all: &sessions };
    from_connections(facts, &sessions)
        .or_else(|| sessions.gap())
        .or_else(|| sessions.catching_up())
        .or_else(|| sessions.had_it())
        .or_else(|| sessions.connected())
        .unwrap_or_else(|| sessions.away())
}

/// What is noted of the event on connections says it at once.
fn from_connections(facts: &Facts, sessions: &Sessions<'_>) -> Option<Reason> {
    let noted = facts.receipt.as_ref().map(|receipt| receipt.connections.as_slice()).unwrap_or_default();
    let last = |what| noted.iter().rev().find(|noted| noted.what == what);
    if let Some(written) = last(What::Written) {
        return Some(Reason { code: "written", says: written_to(written, sessions) });
    }
    if let Some(dropped) = last(What::Dropped) {
        let (at, on) = (timestamp(dropped.at), describe_connection(&dropped.connection, dropped.device.as_deref()));
        let says =
            format!("It was dropped at {at}: it is volatile, and there was no room for it in the outbox of {on}.");
        return Some(Reason { code: "dropped", says });
    }
    last(What::Expired).map(|expired| {
        let (at, on) = (timestamp(expired.at), describe_connection(&expired.connection, expired.device.as_deref()));
        let says = format!("Its ttl had run out when its turn came at {at} on {on}.");
        Reason { code: "ttl", says }
    })
}

fn written_to(written: &Noted, sessions: &Sessions<'_>) -> String {
    let (at, on) = (timestamp(written.at), describe_connection(&written.connection, written.device.as_deref()));
    let session = sessions.all.iter().find(|session| session.connection == written.connection);
    let since = match session.map(|session| session.end) {
        Some(Some(end)) => format!(" That session ended at {}: {}.", timestamp(end.at), close_reason(end.why)),
        Some(None) => " That session is still there.".to_owned(),
        None => String::new(),
    };
    format!("It was written to {on} at {at}, and not acknowledged.{since}")
}

/// The user's sessions, and what they mean for the event.
struct Sessions<'a> {
    facts: &'a Facts,
    all: &'a [Session<'a>],
}

impl Sessions<'_> {
    /// A client was told that something is missing, and the event is among that.
    fn gap(&self) -> Option<Reason> {
        let cursor = self.facts.cursor?;
        let told = self.facts.history.iter().rev().find(|entry| match &entry.what {
            Happened::Gap { after, before, .. } => {
                *after < cursor && before.is_none_or(|before| cursor < before) && !self.facts.is_in_log
            }
            Happened::Opened { cursor: Some(came_with), recovered: false, .. } => {
                *came_with < cursor && !self.facts.is_in_log
            }
            _ => false,
        })?;
        let who = match told.connection.as_deref() {
            Some(connection) => describe_connection(connection, told.device.as_deref()),
            None => format!("every connection of the user on node {}", told.node_name().unwrap_or_default()),
        };
        let at = timestamp(told.at);
        let says = format!("The log had lost it when it was needed: {who} was told of a gap at {at}.");
        Some(Reason { code: "gap", says })
    }

    /// A session is on its way to the event, and not there yet.
    fn catching_up(&self) -> Option<Reason> {
        let cursor = self.facts.cursor.filter(|_| self.facts.is_in_log)?;
        let reads = |session: &&Session<'_>| session.end.is_none() && self.catch_up_position(session, cursor).is_some();
        let session = self.all.iter().rev().find(reads)?;
        let (after, since) = self.catch_up_position(session, cursor)?;
        let on = describe_connection(session.connection, session.device);
        let says = format!(
            "{on} is behind: since {} it reads the log behind {after}, and has not come to it.",
            timestamp(since)
        );
        Some(Reason { code: "behind", says: capitalize(&says) })
    }

    /// From where, and since when, the session reads towards the event.
    fn catch_up_position(&self, session: &Session<'_>, cursor: Cursor) -> Option<(Cursor, u64)> {
        if let Some(slow) = session.catching_up.iter().find(|behind| behind.after < cursor) {
            return Some((slow.after, slow.since));
        }
        let opened = session.opened?;
        let came_with = opened.cursor.filter(|came_with| *came_with < cursor)?;
        // Of an event that is watched, the write would be noted.
        self.facts.receipt.as_ref().filter(|_| self.caught_up(session, cursor).is_none())?;
        Some((came_with, opened.at))
    }

    fn caught_up(&self, session: &Session<'_>, cursor: Cursor) -> Option<u64> {
        let reached = self.facts.history.iter().find(|entry| {
            let is_its = entry.connection.as_deref() == Some(session.connection);
            is_its && matches!(&entry.what, Happened::CaughtUp { upto, .. } if *upto >= cursor)
        });
        reached.map(|entry| entry.at)
    }

    /// The client came back with a later cursor than the event's: it has had it, or does not want it.
    fn had_it(&self) -> Option<Reason> {
        let (cursor, accepted_at) = (self.facts.cursor?, self.facts.accepted_at?);
        let session = self.all.iter().rev().find(|session| {
            let came_with =
                session.opened.filter(|opened| opened.at > accepted_at).and_then(|opened| opened.cursor);
            came_with.is_some_and(|came_with| came_with >= cursor)
        })?;
        let on = describe_connection(session.connection, session.device);
        let at = session.opened.map_or_else(String::new, |opened| timestamp(opened.at));
        let says =
            format!("{on} came back at {at} with a cursor that is not before it: the client had it already.");
        Some(Reason { code: "had_it", says: capitalize(&says) })
    }

    /// Somebody was there.
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
                format!("{on} came at {at}, after it was published, and named no cursor: it gets what came since."),
            ),
            Some(_) => {
                ("read", format!("{on} came back at {at} with a cursor before it, and has read it in the log."))
            }
        };
        Some(Reason { code, says: capitalize(&says) })
    }

    fn was_connected(&self, session: &Session<'_>) -> Reason {
        let on = describe_connection(session.connection, session.device);
        let ended = session.end.map_or_else(String::new, |end| {
            format!(" That session ended at {}: {}.", timestamp(end.at), close_reason(end.why))
        });
        let (code, says) = if self.facts.receipt.is_some() {
            ("not_written", format!("{on} was there, and no write to it is noted.{ended}"))
        } else {
            let says = format!(
                "{on} was there. Nobody asked for a receipt, so it is not known whether it was written; nothing else is \
                 known to have gone wrong.{ended}"
            );
            ("connected", says)
        };
        Reason { code, says: capitalize(&says) }
    }

    /// Nobody was there.
    fn away(&self) -> Reason {
        let (code, mut says) = self.last_disconnect();
        if let Some(expires_at) = self.facts.expires_at.filter(|at| *at <= self.facts.now) {
            return Reason { code: "ttl", says: format!("Its ttl ran out at {}. {says}", timestamp(expires_at)) };
        }
        if self.facts.cursor.is_some() && !self.facts.is_in_log {
            says.push_str(" The log no longer has it, so a client that comes back does not get it either.");
        }
        Reason { code, says }
    }

    /// Since when nobody is there, and why.
    fn last_disconnect(&self) -> (&'static str, String) {
        let accepted_at = self.facts.accepted_at.unwrap_or(self.facts.now);
        let ended = |session: &&Session<'_>| session.end.is_some_and(|end| end.at <= accepted_at);
        let last = self.all.iter().filter(ended).max_by_key(|session| session.end.map(|end| end.at));
        let refused = self.facts.history.iter().rev().find_map(|entry| match &entry.what {
            Happened::Refused { why } => Some((entry, &**why)),
            _ => None,
        });
        if let Some((entry, why)) = refused
            && last.is_none_or(|session| session.end.is_some_and(|end| end.at <= entry.at))
        {
            let says = format!(
                "Nobody was connected: a client of the user was refused at {}, {}.",
                timestamp(entry.at),
                rejection_reason(why)
            );
            return (if why == "token_expired" { "token_expired" } else { "refused" }, says);
        }
        match last.and_then(|session| session.end.map(|end| (session, end))) {
            Some((session, end)) => (code_of_end(end), offline_since(session, end)),
            None if self.facts.nodes == Some(0) || !self.facts.history.is_empty() => {
                ("offline", "Nobody was connected when it was published.".to_owned())
            }
            None => ("unknown", "Nothing is known of who was connected when it was published.".to_owned()),
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
    format!("Nobody was connected: offline since {at}, when {on} ended: {}.", close_reason(end.why))
}

/// Why a session ended, in words.
fn close_reason(why: &str) -> String {
    let words = match why {
        "client" => "the client closed, or its connection was lost",
        "dead" => "the client gave no sign of life",
        "stalled" => "the client took nothing for too long",
        "expired" => "its token had expired",
        "drain" => "the node was being replaced",
        "replaced" => "a newer one of this user took its place",
        "disconnected" => "a service wanted it",
        "revoked" => "its token was revoked",
        "stop" => "the node was stopped",
        NODE_GONE => "its node is gone, and was last heard of then",
        other => return format!("`{other}`"),
    };
    words.to_owned()
}

fn rejection_reason(why: &str) -> String {
    if why == "token_expired" { "since its token had expired".to_owned() } else { format!("by the code `{why}`") }
}

/// Begins with a capital.
fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
