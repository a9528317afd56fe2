//! What came of cancelling a scheduled event.

/// What came of cancelling an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it may be too late to cancel it"]
pub enum Cancelled {
    /// It will not be published; also if it was cancelled before.
    Cancelled,
    /// It was published already, at least on one of its channels: there, it is too late.
    Published,
    /// The bus knows no such event.
    Unknown,
}
