//! The kinds of entries that workers handle: fallback events and inbox events.

use std::fmt::Debug;
use std::time::Duration;

use crate::redis::{Entry, StreamKind};

/// An entry of the Streams, as handlers receive it.
pub(crate) trait Job: Clone + Debug + Send + Sync + 'static {
    /// The Streams that hold such entries.
    const KIND: StreamKind;
    /// The name of the Streams in logs.
    const STREAMS: &'static str;
    /// How often empty Streams are polled.
    const POLL_INTERVAL: Duration;

    /// Parses an entry; `None` if it is of another form.
    fn read(entry: &Entry) -> Option<Self>;

    /// Entries with the same key are handled one after the other.
    fn ordering_key(&self) -> Option<&str>;
}
