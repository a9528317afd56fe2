//! Why a request to the bus failed.

/// An error of the bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The bus cannot be reached, or did not answer in time. A retry may succeed.
    #[error("the bus is unavailable: {0}")]
    Unavailable(String),
    /// The bus answered, and rejected the request. A retry fails too.
    #[error("the bus rejected the request: {0}")]
    Rejected(String),
}
