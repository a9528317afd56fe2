//! The named ends of `enqueue`, `flush` and `close`.

use wirebell_protocol::Event;

/// What `enqueue` did with an event.
#[derive(Debug, Clone)]
pub enum Enqueued {
    /// It waits in the buffer and is published as soon as the bus takes it, under this id.
    Accepted {
        /// The event's id.
        id: String,
    },
    /// The buffer is full: the bus has been out of reach for too long, or is too slow. The event is given back,
    /// with its id and its time.
    Full(Event),
    /// The publisher was closed, or the Tokio runtime in which it was made has ended.
    Closed(Event),
}

impl Enqueued {
    /// Was it taken?
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// How waiting for the buffer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "events may still be waiting"]
pub enum Flushed {
    /// Every event that was enqueued before has been published, or refused for good.
    Done,
    /// The time is over, and this many events wait. After `flush` they go on being tried, after `close` they do not.
    TimedOut {
        /// Events that wait.
        waiting: u64,
    },
    /// The publisher was closed before they could be published: this many are lost.
    Closed {
        /// Events that are lost.
        waiting: u64,
    },
}
