//! Receipts: the delivery status of an event on one channel, read from its delivery record.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Channel, Cursor};

/// The delivery status of an event on one channel. Times are milliseconds since the Unix epoch, by
/// the bus' clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The channel.
    pub channel: Channel,
    /// The current state.
    pub state: State,
    /// When a scheduled event is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<u64>,
    /// When the bus accepted the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<u64>,
    /// The event's position in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Number of nodes that were subscribed to the channel at that time.
    #[serde(default)]
    pub nodes: u64,
    /// When the event expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When the event goes to the fallback stream, unless a device acknowledges it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<u64>,
    /// When the receipt closes without an acknowledgement, if there is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<u64>,
    /// When the event reached its final state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<u64>,
    /// Status on each connection, in order of time.
    pub connections: Vec<ConnectionStatus>,
    /// Number of connections beyond those in `connections`.
    #[serde(default)]
    pub more_connections: u64,
    /// Acknowledgements, one for each device, in order of time.
    pub acknowledged: Vec<Acknowledged>,
}

/// The state of an event on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The event waits for its `deliver_at`.
    Scheduled,
    /// The event was canceled before its `deliver_at`.
    Cancelled,
    /// The bus has accepted the event; no device has acknowledged it yet.
    Accepted,
    /// A device acknowledged the event in time.
    Acknowledged,
    /// No device acknowledged the event by its deadline; it went to the fallback stream.
    FallenBack,
    /// No device acknowledged the event before its receipt closed.
    Expired,
}

/// The status of an event on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// The connection's id, which contains the node's id.
    pub connection: String,
    /// The device that the token names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The state of the event on this connection.
    pub what: ConnectionState,
    /// When the state was reached.
    pub at: u64,
}

/// The state of an event on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// The event was written to the socket.
    Written,
    /// The event was dropped: it is volatile and the send buffer was full.
    Dropped,
    /// The event expired before it could be written.
    Expired,
}

/// The acknowledgement of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The device that the token names, or else the connection's id.
    pub device: String,
    /// The connection that acknowledged.
    pub connection: String,
    /// When the device acknowledged.
    pub at: u64,
}

impl State {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Cancelled => "cancelled",
            Self::Accepted => "accepted",
            Self::Acknowledged => "acknowledged",
            Self::FallenBack => "fallen_back",
            Self::Expired => "expired",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Scheduled, Self::Cancelled, Self::Accepted, Self::Acknowledged, Self::FallenBack, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Returns whether the state is final.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Scheduled | Self::Accepted)
    }
}

impl ConnectionState {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Dropped => "dropped",
            Self::Expired => "expired",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Written, Self::Dropped, Self::Expired].into_iter().find(|what| what.as_str() == name)
    }
}

impl Receipt {
    /// Reads a delivery record as Redis returns it. Returns `None` if the record does not exist.
    pub fn read(channel: &Channel, record: &HashMap<String, String>) -> Option<Self> {
        let number = |name: &str| record.get(name).and_then(|text| text.parse().ok());
        if !record.contains_key("answer") && !record.contains_key("deliver_at") {
            return None;
        }
        let (state, settled_at) = state(record);
        let deadline_at = number("deadline");
        let mut receipt = Self {
            channel: channel.clone(),
            state,
            deliver_at: number("deliver_at"),
            accepted_at: number("accepted"),
            cursor: record.get("cursor").and_then(|text| text.parse().ok()),
            nodes: number("nodes").unwrap_or_default(),
            expires_at: number("expires"),
            deadline_at,
            closes_at: number("closes").filter(|_| deadline_at.is_none()),
            settled_at,
            connections: record.iter().filter_map(|(name, value)| connection_status(name, value)).collect(),
            more_connections: number("more").unwrap_or_default(),
            acknowledged: record.iter().filter_map(|(name, value)| acknowledged(name, value)).collect(),
        };
        receipt.connections.sort_by(|a, b| (a.at, &a.connection).cmp(&(b.at, &b.connection)));
        receipt.acknowledged.sort_by(|a, b| (a.at, &a.device).cmp(&(b.at, &b.device)));
        Some(receipt)
    }
}

/// Returns the state and its time. The first final state counts: an acknowledgement after the
/// deadline is recorded but does not change the state.
fn state(record: &HashMap<String, String>) -> (State, Option<u64>) {
    let at = |name: &str| record.get(name).and_then(|text| text.parse().ok());
    for (name, state) in
        [("fallen", State::FallenBack), ("expired", State::Expired), ("acked", State::Acknowledged)]
    {
        if record.contains_key(name) {
            return (state, at(name));
        }
    }
    match record.contains_key("answer") {
        true => (State::Accepted, None),
        false if record.contains_key("cancelled") => (State::Cancelled, at("cancelled")),
        false => (State::Scheduled, None),
    }
}

fn connection_status(name: &str, value: &str) -> Option<ConnectionStatus> {
    let connection = name.strip_prefix("c:")?.to_owned();
    let mut parts = value.splitn(3, ' ');
    let at = parts.next()?.parse().ok()?;
    let state = ConnectionState::parse(parts.next()?)?;
    let device = parts.next().filter(|device| !device.is_empty()).map(str::to_owned);
    Some(ConnectionStatus { connection, device, what: state, at })
}

fn acknowledged(name: &str, value: &str) -> Option<Acknowledged> {
    let device = name.strip_prefix("a:")?.to_owned();
    let (at, connection) = value.split_once(' ')?;
    Some(Acknowledged { device, connection: connection.to_owned(), at: at.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn first_final_state_counts() {
        let channel = Channel::user("42").unwrap();
        for (fields, state) in [
            (vec![("deliver_at", "5")], State::Scheduled),
            (vec![("deliver_at", "5"), ("cancelled", "4")], State::Cancelled),
            (vec![("answer", "1-0 1")], State::Accepted),
            (vec![("answer", "1-0 1"), ("acked", "7")], State::Acknowledged),
            (vec![("answer", "1-0 1"), ("acked", "7"), ("fallen", "6")], State::FallenBack),
        ] {
            assert_eq!(Receipt::read(&channel, &record(&fields)).unwrap().state, state, "{fields:?}");
        }
        assert_eq!(Receipt::read(&channel, &record(&[])), None);
    }

    #[test]
    fn statuses_and_acknowledgements_are_sorted_by_time() {
        let fields = [
            ("answer", "1-0 1"),
            ("c:b.2", "9 written a phone"),
            ("c:a.1", "8 dropped "),
            ("a:phone", "11 b.2"),
            ("a:a tablet", "10 c.3"),
        ];
        let receipt = Receipt::read(&Channel::all(), &record(&fields)).unwrap();
        let statuses: Vec<_> =
            receipt.connections.iter().map(|it| (it.at, it.what, it.device.as_deref())).collect();
        assert_eq!(statuses, [(8, ConnectionState::Dropped, None), (9, ConnectionState::Written, Some("a phone"))]);
        let devices: Vec<_> = receipt.acknowledged.iter().map(|it| it.device.as_str()).collect();
        assert_eq!(devices, ["a tablet", "phone"]);
    }
}
