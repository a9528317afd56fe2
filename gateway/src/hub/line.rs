//! A line: one of the two orders in which a channel's events stand. Durable events stand in its log; changes of its
//! retained values stand in the order of their versions, and of them only the last one per key is kept. Both are
//! announced with their predecessors, missed, mended and read by the same means.

use wirebell_protocol::{Announcement, Channel, Class};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The log.
    Log,
    /// The retained values.
    Retained,
}

/// A channel's log, or its retained values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line {
    /// The channel.
    pub channel: Channel,
    /// Which of the two.
    pub lane: Lane,
}

impl Lane {
    /// The one in which an event of this class stands, if it stands anywhere.
    pub fn of(class: Class) -> Self {
        if class == Class::Retained { Self::Retained } else { Self::Log }
    }
}

impl Line {
    /// The channel's log.
    pub fn log(channel: &Channel) -> Self {
        Self { channel: channel.clone(), lane: Lane::Log }
    }

    /// The channel's retained values.
    pub fn retained(channel: &Channel) -> Self {
        Self { channel: channel.clone(), lane: Lane::Retained }
    }

    /// The one of an announcement.
    pub fn of(event: &Announcement) -> Self {
        Self { channel: event.channel.clone(), lane: Lane::of(event.class) }
    }

    /// Is it a log? Only there does something that is missing between two events mean a loss.
    pub fn is_log(&self) -> bool {
        self.lane == Lane::Log
    }
}
