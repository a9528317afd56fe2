//! Counters of the events given to `enqueue`.

/// Counts the events given to `enqueue` since the publisher was created. `enqueued` always equals
/// the sum of `published`, `refused` and `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Events accepted into the buffer.
    pub enqueued: u64,
    /// Events that the bus has confirmed.
    pub published: u64,
    /// Events that the bus rejected permanently.
    pub refused: u64,
    /// Retries, counted per event.
    pub retried: u64,
    /// Events not accepted because the buffer was full or closed. They were returned to the caller.
    pub dropped: u64,
    /// Events in the buffer or in flight.
    pub waiting: u64,
    /// Size of the waiting events in bytes, as JSON.
    pub waiting_bytes: u64,
}
