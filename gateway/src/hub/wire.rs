//! A wire writes frames to a client without waiting. With a wire, the hub delivers an event without
//! waking the session. Waking it would be most of the cost of a delivery.

use std::collections::VecDeque;
use std::fmt;

use super::frame::Frame;

/// Writes to one client. There is one writer at a time: the hub while the session is idle, and the
/// session otherwise.
pub trait Wire: Send + Sync + fmt::Debug {
    /// Writes as many of the frames, in order, as the connection takes now. A partly written frame
    /// counts as written: the session sends the rest of it.
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written;

    /// Sends a ping.
    fn try_ping(&self) -> Pinged;

    /// Returns whether clients on this kind of wire answer a ping.
    fn is_answered(&self) -> bool {
        true
    }
}

/// Result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The kernel has all frames completely.
    All,
    /// The kernel has this many frames, the last one perhaps partly. The session has to continue.
    Some(usize),
}

/// Result of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinged {
    /// The kernel has the ping completely.
    All,
    /// Earlier bytes or the rest of the ping remain: the session has to continue.
    Begun,
    /// There is no connection to write to at the moment: the session has to ping by itself.
    Unable,
}
