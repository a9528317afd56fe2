//! `GET /v1/users/{id}`: whether a user is online, since when, and the user's devices and sessions.
//!
//! Sessions on this node come from the hub, sessions on other nodes from presence. The user's
//! connection log adds earlier devices and slow sessions. Without presence, sessions on other nodes
//! come from the log as well.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::{Cursor, presence};

use super::sessions::{self, Session};
use super::{Context, bus_problem, query};
use crate::hub::snapshot::SessionInfo;
use crate::lifecycle::{millis, wall_clock};
use crate::problem::Problem;

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    /// None if presence is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
    /// When the user came online, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    devices: Vec<Device<'a>>,
    sessions: &'a [OpenSession],
}

/// A device with a session or with an entry in the connection log.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Device<'a> {
    #[serde(rename = "device")]
    name: &'a str,
    connected: bool,
    /// When it was last seen, in milliseconds since the Unix epoch.
    seen: u64,
}

/// A session that is open, as far as this node knows.
#[derive(Debug, Serialize)]
struct OpenSession {
    connection: String,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// Logs that the session reads to catch up, since its client was too slow or disconnected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slow: Vec<SlowChannel>,
}

#[derive(Debug, Serialize)]
struct SlowChannel {
    channel: String,
    after: Cursor,
    since: u64,
}

/// Returns a user's devices and sessions.
pub(super) async fn read(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (id, channel) = query::user_id(path)?;
    let unavailable = |error| bus_problem(&error, "retry");
    let connection_log = context.bus.connection_log(&channel).await.map_err(unavailable)?;
    let nodes = context.bus.nodes().await.map_err(unavailable)?;
    let entry = if context.presence { context.bus.find_online(&id).await.map_err(unavailable)? } else { None };
    let here = (context.sessions_of)(&id);
    let sessions =
        sessions::from_connection_log(&connection_log, Some(nodes.as_slice()).filter(|nodes| !nodes.is_empty()));
    let now = millis(wall_clock());
    let mut open: Vec<OpenSession> = if context.presence {
        let remote = entry.iter().flat_map(|online| &online.sessions);
        remote
            .filter(|remote| remote.connection.node != context.node)
            .map(|remote| from_presence(remote, &sessions))
            .collect()
    } else {
        let is_open_elsewhere =
            |session: &&Session<'_>| session.end.is_none() && session.node() != context.node.as_str();
        sessions.iter().filter(is_open_elsewhere).map(from_connection_log).collect()
    };
    open.extend(here.iter().map(|info| from_hub(info, &sessions, now)));
    let began = open.iter().filter_map(|session| session.since).min();
    let user = User {
        id: &id,
        // A session that opened just now may not be in presence yet.
        online: context.presence.then_some(entry.is_some() || !open.is_empty()),
        since: entry.map(|online| online.since).or(began.filter(|_| context.presence)),
        devices: devices(&connection_log, &open),
        sessions: &open,
    };
    Ok(Json(user).into_response())
}

/// Describes a session on another node, from presence.
fn from_presence(remote: &presence::OpenSession, sessions: &[Session<'_>]) -> OpenSession {
    let connection = remote.connection.to_string();
    let slow =
        sessions.iter().find(|session| session.connection == connection).map(slow_channels).unwrap_or_default();
    OpenSession {
        connection,
        node: remote.connection.node.to_string(),
        device: remote.device.clone(),
        transport: Some(remote.transport.as_str().to_owned()),
        since: Some(remote.since),
        slow,
    }
}

/// Describes a session on another node, from the connection log.
fn from_connection_log(session: &Session<'_>) -> OpenSession {
    OpenSession {
        connection: session.connection.to_owned(),
        node: session.node().to_owned(),
        device: session.device.map(str::to_owned),
        transport: session.opened.map(|opened| opened.transport.to_owned()),
        since: session.opened.map(|opened| opened.at),
        slow: slow_channels(session),
    }
}

fn slow_channels(session: &Session<'_>) -> Vec<SlowChannel> {
    let catching_up = session.catching_up.iter();
    catching_up.map(|it| SlowChannel { channel: it.channel.to_owned(), after: it.after, since: it.since }).collect()
}

/// Describes a session on this node, from the hub.
fn from_hub(info: &SessionInfo, sessions: &[Session<'_>], now: u64) -> OpenSession {
    let connection = info.connection.to_string();
    let opened =
        sessions.iter().find(|session| session.connection == connection).and_then(|session| session.opened);
    let slow = info.catching_up.iter().map(|reading| SlowChannel {
        channel: reading.log.channel.to_string(),
        after: reading.at,
        since: now.saturating_sub(reading.age),
    });
    OpenSession {
        connection,
        node: info.connection.node.to_string(),
        device: info.device.as_deref().map(str::to_owned),
        transport: opened.map(|opened| opened.transport.to_owned()),
        since: Some(now.saturating_sub(info.age)),
        slow: slow.collect(),
    }
}

fn devices<'a>(connection_log: &'a [ConnectionLogEntry], open: &'a [OpenSession]) -> Vec<Device<'a>> {
    let began =
        open.iter().filter_map(|session| Some((session.device.as_deref()?, session.since.unwrap_or_default())));
    let logged = connection_log.iter().filter_map(|entry| Some((entry.device.as_deref()?, entry.at)));
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for (device, at) in began.chain(logged) {
        let last = seen.entry(device).or_default();
        *last = at.max(*last);
    }
    let is_connected = |device| open.iter().any(|session| session.device.as_deref() == Some(device));
    seen.into_iter().map(|(name, seen)| Device { name, connected: is_connected(name), seen }).collect()
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::connection_log::ConnectionEvent;
    use wirebell_protocol::{ConnectionId, NodeId};

    use super::*;

    #[test]
    fn a_device_is_connected_while_one_of_its_sessions_is_open() {
        let entry = |at, number, device: &str, what| {
            ConnectionLogEntry::of_connection(
                at,
                ConnectionId { node: NodeId::from_bits(7), number },
                Some(device),
                what,
            )
        };
        let opened = || ConnectionEvent::Opened { transport: "websocket".into(), cursor: None, recovered: true };
        let closed = || ConnectionEvent::Closed { why: "client".into() };
        let connection_log = [
            entry(1, 1, "phone", opened()),
            entry(2, 2, "laptop", opened()),
            entry(3, 3, "phone", opened()),
            entry(4, 1, "phone", closed()),
            entry(5, 2, "laptop", closed()),
        ];
        let sessions = sessions::from_connection_log(&connection_log, None);
        let open: Vec<OpenSession> =
            sessions.iter().filter(|session| session.end.is_none()).map(from_connection_log).collect();
        assert_eq!((open.len(), open[0].node.as_str(), open[0].since), (1, "haaaaaaa", Some(3)));
        let expected = [
            Device { name: "laptop", connected: false, seen: 5 },
            Device { name: "phone", connected: true, seen: 4 },
        ];
        assert_eq!(devices(&connection_log, &open), expected);
    }
}
