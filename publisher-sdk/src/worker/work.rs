//! What there is to be worked off: fallbacks, or what clients have emitted.

use std::fmt::Debug;
use std::time::Duration;

use crate::redis::{Entry, Kind};

/// An entry of the Streams, as a handler gets it.
pub(crate) trait Work: Clone + Debug + Send + Sync + 'static {
    /// In which Streams it stands.
    const KIND: Kind;
    /// What logs call the Streams.
    const STREAMS: &'static str;
    /// How often they are looked at while nothing comes.
    const LOOK_EVERY: Duration;

    /// Reads an entry; none if it is not one of these Streams.
    fn read(entry: &Entry) -> Option<Self>;

    /// Entries that have this in common are handed out one after the other.
    fn turn(&self) -> Option<&str>;
}
