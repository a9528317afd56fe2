//! Results of `enqueue`, `flush` and `close`.

use wirebell_protocol::Event;

/// The result of `enqueue`.
#[derive(Debug, Clone)]
pub enum Enqueued {
    /// The event is in the buffer. It is published under this id as soon as the bus is available.
    Accepted {
        /// The event's id.
        id: String,
    },
    /// The buffer is full, because the bus is unavailable for too long or too slow. Returns the
    /// event with its id and time.
    Full(Event),
    /// The publisher is closed, or its Tokio runtime has ended. Returns the event.
    Closed(Event),
}

impl Enqueued {
    /// Returns whether the event was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// The result of waiting for the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "events may still be waiting"]
pub enum Flushed {
    /// Every event enqueued before has been published or permanently rejected.
    Done,
    /// The timeout passed while events were waiting. After `flush` they are still retried, after
    /// `close` they are not.
    TimedOut {
        /// Number of waiting events.
        waiting: u64,
    },
    /// The publisher was closed before these events were published; they are lost.
    Closed {
        /// Number of lost events.
        waiting: u64,
    },
}
