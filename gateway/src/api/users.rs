//! `GET /v1/users/{id}`: a user's devices and sessions, over all nodes, as the user's history has them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebell_protocol::Cursor;
use wirebell_protocol::history::Entry;

use super::sessions::{self, Session};
use super::{Context, asked, failed};
use crate::problem::Problem;

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    devices: Vec<Device<'a>>,
    sessions: Vec<Open<'a>>,
}

/// A device that was heard of of late.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Device<'a> {
    device: &'a str,
    connected: bool,
    /// When something was last heard of it, in milliseconds since the Unix epoch.
    seen: u64,
}

/// A session that is open, as far as is known.
#[derive(Serialize)]
struct Open<'a> {
    connection: &'a str,
    node: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    /// Logs that it reads, since its client was too slow for what came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slow: Vec<Slow<'a>>,
}

#[derive(Serialize)]
struct Slow<'a> {
    channel: &'a str,
    after: Cursor,
    since: u64,
}

/// Tells a user's devices and sessions.
pub(super) async fn read(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (id, channel) = asked::user(path)?;
    let unavailable = |error| failed(&error, "ask again");
    let history = context.bus.history(&channel).await.map_err(unavailable)?;
    let nodes = context.bus.nodes().await.map_err(unavailable)?;
    let sessions = sessions::of(&history, Some(nodes.as_slice()).filter(|nodes| !nodes.is_empty()));
    let open = sessions.iter().filter(|session| session.end.is_none()).map(open).collect();
    let devices = devices(&history, &sessions);
    Ok(Json(User { id: &id, devices, sessions: open }).into_response())
}

fn open<'a>(session: &Session<'a>) -> Open<'a> {
    let slow = session.behind.iter();
    Open {
        connection: session.connection,
        node: session.node(),
        device: session.device,
        transport: session.opened.map(|opened| opened.transport),
        since: session.opened.map(|opened| opened.at),
        slow: slow.map(|it| Slow { channel: it.channel, after: it.after, since: it.since }).collect(),
    }
}

fn devices<'a>(history: &'a [Entry], sessions: &[Session<'a>]) -> Vec<Device<'a>> {
    let heard = history.iter().filter_map(|entry| Some((entry.device.as_deref()?, entry.at)));
    // In order of time, so that the last one stays.
    let seen: BTreeMap<&str, u64> = heard.collect();
    let is_there = |device| sessions.iter().any(|session| session.device == Some(device) && session.end.is_none());
    seen.into_iter().map(|(device, seen)| Device { device, connected: is_there(device), seen }).collect()
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::history::Happened;
    use wirebell_protocol::{ConnectionId, NodeId};

    use super::*;

    #[test]
    fn a_device_is_connected_while_one_of_its_sessions_is_open() {
        let entry = |at, number, device: &str, what| {
            Entry::of_connection(at, ConnectionId { node: NodeId::from_bits(7), number }, Some(device), what)
        };
        let opened = || Happened::Opened { transport: "websocket".into(), cursor: None, recovered: true };
        let closed = || Happened::Closed { why: "client".into() };
        let history = [
            entry(1, 1, "phone", opened()),
            entry(2, 2, "laptop", opened()),
            entry(3, 3, "phone", opened()),
            entry(4, 1, "phone", closed()),
            entry(5, 2, "laptop", closed()),
        ];
        let sessions = sessions::of(&history, None);
        let expected = [
            Device { device: "laptop", connected: false, seen: 5 },
            Device { device: "phone", connected: true, seen: 4 },
        ];
        assert_eq!(devices(&history, &sessions), expected);
    }
}
