//! Why a measurement could not be made. A bench has one reader, who wants a sentence; nobody branches on its kind.

use std::fmt;

/// What a bench's function gives.
pub type Result<T> = std::result::Result<T, Failure>;

/// A sentence that says what was wrong, and what was expected.
#[derive(Debug, Clone)]
pub struct Failure(String);

impl Failure {
    /// This sentence.
    pub fn new(says: impl Into<String>) -> Self {
        Self(says.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Says what was being done when it failed.
pub trait Context<T> {
    /// The failure, with this before it.
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Failure(format!("{}: {error}", doing())))
    }
}
