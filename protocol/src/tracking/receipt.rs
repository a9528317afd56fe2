//! A receipt: what became of an event on one channel, as its record has it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Channel, Cursor};

/// What became of an event on one channel. Times are in milliseconds since the Unix epoch, by the bus' clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The channel.
    pub channel: Channel,
    /// Where it stands now.
    pub state: State,
    /// When it is to be published, if it was scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<u64>,
    /// When the bus took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<u64>,
    /// Its place in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Nodes that listened for the channel then.
    #[serde(default)]
    pub nodes: u64,
    /// From when on it is not worth delivering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When it falls back, unless a device has acknowledged it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<u64>,
    /// Until when an acknowledgement is waited for, if there is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<u64>,
    /// When it came to its state, unless that is `scheduled` or `accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<u64>,
    /// What became of it on each connection, in order of time.
    pub connections: Vec<Noted>,
    /// Connections beyond those that were noted.
    #[serde(default)]
    pub more_connections: u64,
    /// Which devices have acknowledged it, in order of time.
    pub acknowledged: Vec<Acknowledged>,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its time has not come.
    Scheduled,
    /// It was cancelled before its time came.
    Cancelled,
    /// The bus has it; no device has acknowledged it yet.
    Accepted,
    /// A device has acknowledged it in time.
    Acknowledged,
    /// It fell back at its deadline.
    FallenBack,
    /// Nobody acknowledged it for as long as that was waited for.
    Expired,
}

/// What became of an event on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The connection's id, which names its node.
    pub connection: String,
    /// The device, as its token names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What became of it.
    pub what: What,
    /// When.
    pub at: u64,
}

/// What can become of an event on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was written to the socket.
    Written,
    /// The connection's outbox was full, and its class may be dropped.
    Dropped,
    /// It was too old by then.
    Expired,
}

/// One device's acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The device, as its token names it; the connection's id where it names none.
    pub device: String,
    /// Over which connection.
    pub connection: String,
    /// When.
    pub at: u64,
}

impl State {
    /// The word for it.
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

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Scheduled, Self::Cancelled, Self::Accepted, Self::Acknowledged, Self::FallenBack, Self::Expired]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Will it never change again?
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Scheduled | Self::Accepted)
    }
}

impl What {
    /// The word for it.
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
    /// Reads a record, as Redis has it; none if there is none.
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
            connections: record.iter().filter_map(|(name, value)| noted(name, value)).collect(),
            more_connections: number("more").unwrap_or_default(),
            acknowledged: record.iter().filter_map(|(name, value)| acknowledged(name, value)).collect(),
        };
        receipt.connections.sort_by(|a, b| (a.at, &a.connection).cmp(&(b.at, &b.connection)));
        receipt.acknowledged.sort_by(|a, b| (a.at, &a.device).cmp(&(b.at, &b.device)));
        Some(receipt)
    }
}

/// What settled it first counts: an acknowledgement after the deadline is noted, and changes nothing.
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

fn noted(name: &str, value: &str) -> Option<Noted> {
    let connection = name.strip_prefix("c:")?.to_owned();
    let mut words = value.splitn(3, ' ');
    let at = words.next()?.parse().ok()?;
    let what = What::parse(words.next()?)?;
    let device = words.next().filter(|device| !device.is_empty()).map(str::to_owned);
    Some(Noted { connection, device, what, at })
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
    fn what_settled_it_first_counts() {
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
    fn notes_and_acknowledgements_are_in_order_of_time() {
        let fields = [
            ("answer", "1-0 1"),
            ("c:b.2", "9 written a phone"),
            ("c:a.1", "8 dropped "),
            ("a:phone", "11 b.2"),
            ("a:a tablet", "10 c.3"),
        ];
        let receipt = Receipt::read(&Channel::all(), &record(&fields)).unwrap();
        let noted: Vec<_> = receipt.connections.iter().map(|it| (it.at, it.what, it.device.as_deref())).collect();
        assert_eq!(noted, [(8, What::Dropped, None), (9, What::Written, Some("a phone"))]);
        let devices: Vec<_> = receipt.acknowledged.iter().map(|it| it.device.as_str()).collect();
        assert_eq!(devices, ["a tablet", "phone"]);
    }
}
