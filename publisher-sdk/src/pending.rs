//! Events that wait for their result.

use wirebell_protocol::Event;

/// Most events in one attempt: enough to hide the round trip, few enough to bound how many events a
/// lost connection leaves uncertain.
pub(crate) const MAX_BATCH_EVENTS: usize = 256;

/// A stamped event without a result.
#[derive(Debug)]
pub(crate) struct PendingEvent {
    /// Position within its call or buffer, to match the result with the event.
    pub(crate) sequence: usize,
    /// Its size in the buffer.
    pub(crate) bytes: usize,
    pub(crate) event: Event,
}
