//! The result of cancelling a scheduled event.

/// The result of cancelling a scheduled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it may be too late to cancel it"]
pub enum Cancelled {
    /// The event will not be published. Also returned if it was cancelled before.
    Cancelled,
    /// Too late: the event is already published on at least one of its channels.
    Published,
    /// The bus has no scheduled event with this id.
    Unknown,
}
