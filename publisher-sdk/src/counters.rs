//! Counters: what became of the events given to `enqueue`.

/// What became of the events given to `enqueue`, since the publisher was made. `enqueued` is always the sum of
/// `published`, `refused` and `waiting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Taken into the buffer.
    pub enqueued: u64,
    /// The bus has them.
    pub published: u64,
    /// The bus refused them for good.
    pub refused: u64,
    /// Times that an event had to be tried again.
    pub retried: u64,
    /// Not taken into the buffer, since it was full or closed: the caller has them back.
    pub dropped: u64,
    /// In the buffer now, or on their way.
    pub waiting: u64,
    /// The bytes of those, as JSON.
    pub waiting_bytes: u64,
}
