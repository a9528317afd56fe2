//! What is wrong with a configuration: everything at once, each with where it came from.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, `section.key`, as it was written.
    pub key: String,
    /// Where the value came from; none if it is a default or missing.
    pub origin: Option<String>,
    /// What was found. It never repeats a secret.
    pub found: String,
    /// What was expected instead.
    pub expected: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// Everything that is wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Nothing if there are none.
    pub(super) fn new(errors: Vec<ConfigError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// A fault that only the room can find whose section it is, such as a key that does not fit its algorithms.
    pub fn single(key: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self(vec![ConfigError { key: key.to_owned(), origin: None, found: found.into(), expected: expected.into() }])
    }

    /// The faults one by one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        writeln!(f, "the configuration has {} fault{plural}:", self.0.len())?;
        for error in &self.0 {
            writeln!(f, "  {error}")?;
        }
        f.write_str(
            "Correct them in the configuration file, in the environment or in the flags. Every setting is described \
             by `wirebell serve --help` and in docs/configuration.md.",
        )
    }
}

impl std::error::Error for ConfigErrors {}
