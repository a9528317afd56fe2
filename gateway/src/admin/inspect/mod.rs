//! `GET /inspect`: the state of this node, for people.
//!
//! In: a snapshot of the hub, the health of the bus, and the reasons why the node is not ready.
//! Out: a page, or JSON if the request accepts `application/json`. It changes nothing.

mod page;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::Context;
use crate::bus::Health;
use crate::hub::snapshot::{CatchUpInfo, SessionInfo, Snapshot};
use crate::lifecycle::{Reason, uptime_millis};

/// The state that is shown.
struct Inspection {
    snapshot: Snapshot,
    health: Health,
    reasons: Vec<Reason>,
    degraded: Vec<Reason>,
    subscriptions: i64,
    uptime: u64,
}

/// `GET /inspect`.
pub(super) async fn inspect(State(context): State<Context>, headers: HeaderMap) -> Response {
    let inspection = Inspection {
        snapshot: (context.snapshots)(),
        health: context.bus.borrow().clone(),
        reasons: context.readiness.reasons(),
        degraded: context.readiness.degraded(),
        subscriptions: context.metrics.bus_subscriptions.get(),
        uptime: uptime_millis(),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accept.contains("application/json") {
        return Json(as_json(&inspection)).into_response();
    }
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page::render(&inspection))).into_response()
}

fn as_json(inspection: &Inspection) -> Value {
    let Inspection { snapshot, health, reasons, degraded, subscriptions, uptime } = inspection;
    let bus = match health {
        Health::Up => json!({ "up": true }),
        Health::Deaf(why) => json!({ "up": false, "deaf": true, "why": why }),
        Health::Down(why) => json!({ "up": false, "why": why }),
    };
    json!({
        "node": snapshot.node.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": seconds(*uptime),
        "ready": reasons.is_empty(),
        "reasons": super::list(reasons),
        "degraded": super::list(degraded),
        "bus": bus,
        "sessions": snapshot.sessions,
        "channels": snapshot.channels,
        "subscriptions": subscriptions,
        "behind": snapshot.catching_up,
        "slowest": list(&snapshot.slowest),
        "fullest": list(&snapshot.fullest),
    })
}

fn list(sessions: &[SessionInfo]) -> Value {
    sessions.iter().map(session).collect()
}

fn session(session: &SessionInfo) -> Value {
    json!({
        "connection": session.connection.to_string(),
        "user": session.user,
        "device": session.device.as_deref(),
        "connected": seconds(session.age),
        "waiting_bytes": session.buffered_bytes,
        "reads": session.catching_up.iter().map(catch_up_json).collect::<Value>(),
    })
}

fn catch_up_json(catch_up: &CatchUpInfo) -> Value {
    json!({
        "channel": catch_up.log.channel.as_str(),
        "lane": log_kind(catch_up),
        "at": catch_up.at.to_string(),
        "end": catch_up.end.to_string(),
        "behind": catch_up.lag_millis.map(seconds),
        "since": seconds(catch_up.age),
    })
}

fn log_kind(catch_up: &CatchUpInfo) -> &'static str {
    if catch_up.log.is_durable() { "log" } else { "retained" }
}

/// Converts milliseconds to seconds, the unit of the JSON output.
fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use wirebell_protocol::{Channel, ConnectionId, Cursor, NodeId};

    use super::*;
    use crate::hub::snapshot;

    /// A node with one slow session, whose user id contains HTML.
    pub(super) fn inspection() -> Inspection {
        let node = NodeId::from_bits(7);
        let at = |millis| Cursor { millis, sequence: 0 };
        let log = |channel: &Channel| snapshot::ChannelLog::durable(channel);
        let catch_up =
            CatchUpInfo { log: log(&Channel::all()), at: at(1), end: at(2_501), lag_millis: Some(2_500), age: 900 };
        let slow = SessionInfo {
            connection: ConnectionId { node, number: 31 },
            user: "<b>&\"42".to_owned(),
            device: Some("phone".into()),
            age: 61_000,
            buffered_bytes: 2_048,
            catching_up: vec![catch_up],
        };
        let snapshot =
            Snapshot { node, sessions: 3, channels: 4, catching_up: 1, slowest: vec![slow], fullest: Vec::new() };
        let health = Health::Down("refused".to_owned());
        Inspection {
            snapshot,
            health,
            reasons: Vec::new(),
            degraded: Vec::new(),
            subscriptions: 5,
            uptime: 90_061_000,
        }
    }

    #[test]
    fn json_shows_the_slow_connection_and_its_delay() {
        let json = as_json(&inspection());
        let slow = &json["slowest"][0];
        assert_eq!((&slow["user"], &slow["device"]), (&json!("<b>&\"42"), &json!("phone")));
        assert_eq!(
            slow["reads"][0],
            json!({"channel": "all", "lane": "log", "at": "1-0", "end": "2501-0", "behind": 2.5, "since": 0.9})
        );
        assert_eq!((&json["bus"], &json["behind"]), (&json!({"up": false, "why": "refused"}), &json!(1)));
    }
}
