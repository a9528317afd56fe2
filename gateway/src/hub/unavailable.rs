//! The error of everything that needs the bus while it is unreachable.

use crate::bus::BusError;

/// The bus cannot be reached at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub(super) String);

impl From<BusError> for Unavailable {
    fn from(error: BusError) -> Self {
        Self(error.to_string())
    }
}
