//! The timeline of an event on one channel: its delivery record merged with the user's connection
//! log.

use serde::Serialize;
use wirebell_protocol::Channel;
use wirebell_protocol::connection_log::{ConnectionEvent, ConnectionLogEntry};
use wirebell_protocol::tracking::{ConnectionState, Receipt, State};

use super::facts::Facts;
use super::timestamp;

/// One entry of the timeline.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::api) struct Moment {
    /// The time in RFC 3339.
    at: String,
    channel: Channel,
    /// A stable code, for programs.
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// A sentence, for people.
    says: String,
    #[serde(skip)]
    millis: u64,
}

/// Maximum number of log entries from before the event, for context.
const MAX_EARLIER: usize = 12;

/// Returns all entries in order of time.
pub(in crate::api) fn timeline(explained: &[(Channel, Facts)]) -> Vec<Moment> {
    let mut moments: Vec<Moment> =
        explained.iter().flat_map(|(channel, facts)| moments_of(channel, facts)).collect();
    moments.sort_by_key(|moment| moment.millis);
    moments
}

/// Returns the moments of the event on one channel.
fn moments_of(channel: &Channel, facts: &Facts) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut add = |millis: Option<u64>, what, says: String| {
        moments.extend(millis.map(|millis| moment(channel, millis, what, says)));
    };
    let cursor = facts.cursor.map_or_else(String::new, |cursor| format!(" as {cursor}"));
    let nodes = facts.nodes.map_or_else(String::new, |nodes| format!("; {nodes} nodes had subscribers"));
    add(facts.accepted_at, "accepted", format!("the bus accepted it{cursor}{nodes}"));
    let over = facts.expires_at.filter(|at| *at <= facts.now);
    add(over, "ttl", "its ttl expired".to_owned());
    if let Some(receipt) = &facts.receipt {
        add_record(receipt, facts.now, &mut add);
        moments.extend(receipt.connections.iter().map(|status| {
            let what = match status.what {
                ConnectionState::Written => "written",
                ConnectionState::Dropped => "dropped",
                ConnectionState::Expired => "expired_unwritten",
            };
            let says = match status.what {
                ConnectionState::Written => "written to the socket",
                ConnectionState::Dropped => "dropped: the send buffer was full",
                ConnectionState::Expired => "not written: its ttl had expired",
            };
            moment(channel, status.at, what, says.to_owned()).by(&status.connection, status.device.as_deref())
        }));
        moments.extend(receipt.acknowledged.iter().map(|ack| {
            moment(channel, ack.at, "acknowledged", "the device acknowledged it".to_owned())
                .by(&ack.connection, Some(&ack.device))
        }));
    }
    let begin = facts.accepted_at.or(facts.receipt.as_ref().and_then(|receipt| receipt.deliver_at)).unwrap_or(0);
    let before = facts.connection_log.iter().filter(|entry| entry.at < begin).count();
    let entries = facts.connection_log.iter().skip(before.saturating_sub(MAX_EARLIER));
    moments.extend(entries.map(|entry| from_log_entry(channel, entry)));
    moments
}

/// Adds the final state of the delivery record, or the deadline that is still ahead.
fn add_record(receipt: &Receipt, now: u64, add: &mut impl FnMut(Option<u64>, &'static str, String)) {
    add(receipt.deliver_at, "deliver_at", "it is scheduled for publishing".to_owned());
    let final_state = match receipt.state {
        State::Cancelled => Some(("cancelled", "it was cancelled")),
        State::FallenBack => {
            Some(("fallen_back", "it was added to the fallback stream: no device acknowledged it by its deadline"))
        }
        State::Expired => Some(("expired", "no device acknowledged it in time")),
        State::Scheduled | State::Accepted | State::Acknowledged => None,
    };
    if let Some((what, says)) = final_state {
        add(receipt.settled_at, what, says.to_owned());
    }
    let is_open = !receipt.state.is_settled();
    add(
        receipt.deadline_at.filter(|at| is_open && *at > now),
        "deadline",
        "it goes to the fallback stream, unless it is acknowledged".to_owned(),
    );
}

fn moment(channel: &Channel, millis: u64, what: &'static str, says: String) -> Moment {
    let (at, channel) = (timestamp(millis), channel.clone());
    Moment { at, channel, what, node: None, connection: None, device: None, says, millis }
}

impl Moment {
    fn by(mut self, connection: &str, device: Option<&str>) -> Self {
        self.node = connection.split('.').next().map(str::to_owned);
        self.connection = Some(connection.to_owned());
        self.device = device.map(str::to_owned);
        self
    }
}

/// Returns the moment that an entry of the user's connection log describes.
fn from_log_entry(channel: &Channel, entry: &ConnectionLogEntry) -> Moment {
    let (what, says) = match &entry.event {
        ConnectionEvent::Opened { transport, cursor: None, .. } => {
            ("opened", format!("a session opened over {transport}"))
        }
        ConnectionEvent::Opened { transport, cursor: Some(cursor), recovered } => {
            let gap = if *recovered { "" } else { ", which the log no longer covers" };
            ("opened", format!("a session opened over {transport}, with the cursor {cursor}{gap}"))
        }
        ConnectionEvent::Closed { why } => ("closed", format!("the session ended: {why}")),
        ConnectionEvent::Rejected { why } => ("refused", format!("a client of the user was rejected: {why}")),
        ConnectionEvent::Slow { channel, after } => {
            ("slow", format!("the send buffer was full: the session reads the log of {channel} after {after}"))
        }
        ConnectionEvent::CaughtUp { channel, upto } => {
            ("caught_up", format!("the session has read the log of {channel} up to {upto}"))
        }
        ConnectionEvent::Gap { channel, after, before } => {
            let before = before.map_or_else(String::new, |before| format!(" and before {before}"));
            ("gap", format!("events of {channel} after {after}{before} are missing"))
        }
    };
    let mut moment = moment(channel, entry.at, what, says);
    moment.node = entry.node_name().map(str::to_owned);
    moment.connection = entry.connection.as_deref().map(str::to_owned);
    moment.device = entry.device.as_deref().map(str::to_owned);
    moment
}
