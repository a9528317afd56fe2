//! Outcomes: what the publisher is told once the bus has its event.

use serde::{Deserialize, Serialize};

use crate::{Channel, Cursor};

/// What became of one event: its id, and what happened on each of its channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The event's id, given by the publisher or made for it.
    pub id: String,
    /// One entry a channel, in the order of `to`.
    pub channels: Vec<Reached>,
}

/// What happened on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The channel.
    pub channel: Channel,
    /// Where the event stands in the channel's log; absent for what is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// How many nodes listened for the channel at that moment: 0 means that nobody is connected. A node goes on
    /// listening for some seconds after its last session of the channel has gone.
    pub nodes: u64,
    /// It is kept until its `deliver_at`, and was not published yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
}

impl Outcome {
    /// The cursor, where the event went to one channel and is durable.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.channels.as_slice() {
            [only] => only.cursor,
            _ => None,
        }
    }

    /// How many nodes listened, summed over the channels.
    pub fn nodes(&self) -> u64 {
        self.channels.iter().map(|reached| reached.nodes).sum()
    }
}
