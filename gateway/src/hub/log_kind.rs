//! The two logs of a channel. Durable events are kept in the order of publishing. Changes of
//! retained values are kept in the order of their versions, only the last one per key. Both are
//! announced with their predecessors, and missed events of both are repaired and read by the same
//! means.

use wirebell_protocol::{Announcement, Channel, Class};

/// Kind of a channel's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// Log of durable events.
    Durable,
    /// Retained values.
    Retained,
}

/// One log of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelLog {
    /// The channel.
    pub channel: Channel,
    /// The kind of log.
    pub kind: LogKind,
}

impl LogKind {
    /// Returns the kind that keeps events of this class, if they are kept.
    pub fn of(class: Class) -> Self {
        if class == Class::Retained { Self::Retained } else { Self::Durable }
    }
}

impl ChannelLog {
    /// Returns the channel's log of durable events.
    pub fn durable(channel: &Channel) -> Self {
        Self { channel: channel.clone(), kind: LogKind::Durable }
    }

    /// Returns the channel's retained values.
    pub fn retained(channel: &Channel) -> Self {
        Self { channel: channel.clone(), kind: LogKind::Retained }
    }

    /// Returns the log of an announcement.
    pub fn of(event: &Announcement) -> Self {
        Self { channel: event.channel.clone(), kind: LogKind::of(event.class) }
    }

    /// Returns whether this is a log of durable events. Only there, a gap between two events is a
    /// loss.
    pub fn is_durable(&self) -> bool {
        self.kind == LogKind::Durable
    }
}
