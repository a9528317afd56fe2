//! A wire: the way to a client that takes frames without waiting. With one, an event goes from the bus to the client
//! without its session being woken, which is most of what a delivery would cost otherwise.

use std::collections::VecDeque;
use std::fmt;

use super::frame::Frame;

/// The way to one client. It is written to by one side at a time: by the hub while the session rests, and by the
/// session otherwise.
pub trait Wire: Send + Sync + fmt::Debug {
    /// Writes as many of the frames, in order, as the client's connection takes now. A frame that was begun counts as
    /// written: the session sends the rest of it.
    fn try_write(&self, frames: &VecDeque<Frame>) -> Written;

    /// Asks the client for a sign of life.
    fn try_ping(&self) -> Pinged;

    /// Do clients on this kind of wire answer a ping?
    fn is_answered(&self) -> bool {
        true
    }
}

/// How far a wire came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// All frames are with the kernel, whole.
    All,
    /// The first so many are, or were begun. The session has to go on.
    Some(usize),
}

/// What became of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinged {
    /// It is with the kernel, whole.
    All,
    /// There is something to be sent before it, or the rest of it: the session has to go on.
    Begun,
    /// There is no connection to write to just now: the session has to ask by itself.
    Unable,
}
