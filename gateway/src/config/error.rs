//! Configuration errors. All of them are reported at once, each with the source of its value.

use std::fmt;

/// One invalid or missing setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, `section.key`, as it was written.
    pub key: String,
    /// The source of the value; none if the value is a default or missing.
    pub origin: Option<String>,
    /// What was found. It never contains a secret.
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

/// One or more configuration errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Returns `None` if there are no errors.
    pub(super) fn new(errors: Vec<ConfigError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// Returns a single error. For errors that only the user of a section can detect, such as a key
    /// that does not fit its algorithms.
    pub fn single(key: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self(vec![ConfigError {
            key: key.to_owned(),
            origin: None,
            found: found.into(),
            expected: expected.into(),
        }])
    }

    /// Iterates over the errors.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        writeln!(f, "the configuration has {} error{plural}:", self.0.len())?;
        for error in &self.0 {
            writeln!(f, "  {error}")?;
        }
        f.write_str(
            "Correct the configuration file, the environment or the flags. `wirebell serve --help` and \
             docs/configuration.md describe every setting.",
        )
    }
}

impl std::error::Error for ConfigErrors {}
