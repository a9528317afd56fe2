//! The result that a publisher gets once the bus has accepted its event.

use serde::{Deserialize, Serialize};

use crate::{Channel, Cursor};

/// The result of publishing one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishResult {
    /// The event's id: from the publisher, or generated.
    pub id: String,
    /// One entry for each channel, in the order of `to`.
    pub channels: Vec<ChannelResult>,
}

/// The result of publishing one event to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelResult {
    /// The channel.
    pub channel: Channel,
    /// Position of the event in the channel's log; absent if the event is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Number of nodes that were subscribed to the channel; 0 means that no client is connected.
    /// A node stays subscribed for a few seconds after its last session of the channel ends.
    pub nodes: u64,
    /// The event is stored until its `deliver_at` and is not published yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
}

impl PublishResult {
    /// Returns the cursor of a durable event with exactly one channel.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.channels.as_slice() {
            [only] => only.cursor,
            _ => None,
        }
    }

    /// Returns the number of subscribed nodes, summed over the channels.
    pub fn nodes(&self) -> u64 {
        self.channels.iter().map(|reached| reached.nodes).sum()
    }
}
