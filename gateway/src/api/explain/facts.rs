//! The facts about an event on one channel: its delivery record, its log position, its publish
//! result, and the user's connection log.

use serde::Deserialize;
use std::borrow::Cow;

use wirebell_protocol::channel::Kind;
use wirebell_protocol::connection_log::ConnectionLogEntry;
use wirebell_protocol::tracking::Receipt;
use wirebell_protocol::{Announcement, Channel, Cursor, NodeId};

use crate::bus::{Bus, BusError};
use crate::lifecycle::{millis, wall_clock};

/// The facts about an event on one channel.
#[derive(Debug, Default)]
pub(in crate::api) struct Facts {
    /// The delivery record, if the event has one.
    pub(in crate::api) receipt: Option<Receipt>,
    /// When the bus accepted it, in milliseconds since the Unix epoch.
    pub(super) accepted_at: Option<u64>,
    pub(super) cursor: Option<Cursor>,
    pub(super) expires_at: Option<u64>,
    /// The number of nodes that subscribed to the channel then, if known.
    pub(super) nodes: Option<u64>,
    /// Whether the log still contains it.
    pub(super) is_in_log: bool,
    /// The user's connection log.
    pub(super) connection_log: Vec<ConnectionLogEntry>,
    /// The live nodes, if known.
    pub(super) live_nodes: Option<Vec<NodeId>>,
    pub(super) now: u64,
}

/// Maximum number of events of a log that are searched for an id, and the number per read.
const MAX_SEARCHED: usize = 20_000;
const READ_SIZE: usize = 100;

/// Gathers the facts about the event on that channel. Returns `None` if there are none.
pub(in crate::api) async fn gather(
    bus: &dyn Bus,
    channel: &Channel,
    id: &str,
    receipt: Option<Receipt>,
) -> Result<Option<Facts>, BusError> {
    let mut facts = Facts { now: millis(wall_clock()), ..Facts::default() };
    match receipt {
        Some(receipt) => facts.add_record(bus, channel, receipt).await?,
        None if facts.search(bus, channel, id).await? => {}
        None => return Ok(None),
    }
    if matches!(channel.kind(), Kind::User(_)) {
        facts.connection_log = bus.connection_log(channel).await?;
        facts.live_nodes = Some(bus.nodes().await?).filter(|nodes| !nodes.is_empty());
    }
    Ok(Some(facts))
}

impl Facts {
    async fn add_record(&mut self, bus: &dyn Bus, channel: &Channel, receipt: Receipt) -> Result<(), BusError> {
        self.accepted_at = receipt.accepted_at;
        self.cursor = receipt.cursor;
        self.expires_at = receipt.expires_at;
        self.nodes = receipt.accepted_at.map(|_| receipt.nodes);
        if let Some(cursor) = receipt.cursor {
            self.is_in_log = read_at(bus, channel, cursor).await?.is_some();
        }
        self.receipt = Some(receipt);
        Ok(())
    }

    /// Searches for an event without a delivery record. Returns whether it was found.
    async fn search(&mut self, bus: &dyn Bus, channel: &Channel, id: &str) -> Result<bool, BusError> {
        let known_result = bus.find_accepted(channel, id).await?;
        let found = match known_result.map(|known_result| known_result.cursor) {
            Some(Some(cursor)) => read_at(bus, channel, cursor).await?,
            Some(None) => None,
            None => find_by_id(bus, channel, id).await?,
        };
        if let Some(known_result) = known_result {
            self.nodes = Some(known_result.nodes);
            self.cursor = known_result.cursor;
        }
        if let Some(event) = &found {
            self.is_in_log = true;
            self.cursor = event.position.map(|position| position.cursor);
            self.expires_at = event.expires_at;
        }
        self.accepted_at = self.cursor.map(|cursor| cursor.millis);
        Ok(known_result.is_some() || found.is_some())
    }
}

/// Returns the event at that position, if the log still contains it.
async fn read_at(bus: &dyn Bus, channel: &Channel, cursor: Cursor) -> Result<Option<Announcement>, BusError> {
    let before = match cursor.sequence {
        0 => Cursor { millis: cursor.millis.saturating_sub(1), sequence: u64::MAX },
        sequence => Cursor { sequence: sequence - 1, ..cursor },
    };
    let found = bus.read(&[(channel.clone(), before)], 1).await?.pop().unwrap_or_default();
    Ok(found.into_iter().find(|event| event.position.is_some_and(|position| position.cursor == cursor)))
}

/// Searches the log for an event with that id.
async fn find_by_id(bus: &dyn Bus, channel: &Channel, id: &str) -> Result<Option<Announcement>, BusError> {
    let mut after = Cursor::START;
    for _ in 0..MAX_SEARCHED / READ_SIZE {
        let events = bus.read(&[(channel.clone(), after)], READ_SIZE).await?.pop().unwrap_or_default();
        let Some(last) = events.last().and_then(|event| event.position) else { return Ok(None) };
        after = last.cursor;
        if let Some(event) = events.into_iter().find(|event| has_id(event, id)) {
            return Ok(Some(event));
        }
    }
    Ok(None)
}

fn has_id(event: &Announcement, id: &str) -> bool {
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    serde_json::from_slice::<Frame<'_>>(&event.frame).is_ok_and(|frame| frame.id == id)
}
