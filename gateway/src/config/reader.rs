//! Parses the values for each section. An invalid value is reported and replaced by its default, so
//! that one error does not hide the next.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::error::ConfigError;
use super::mode::Mode;
use super::setting::Setting;
use super::value::{self, SourcedValue, Value};

/// Replaces a secret in a message.
const HIDDEN: &str = "an invalid value (not shown)";

/// Parses settings and collects errors.
pub(super) struct Reader<'a> {
    mode: Mode,
    settings: Vec<&'static Setting>,
    given: &'a BTreeMap<&'static str, SourcedValue>,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    /// Creates a reader of these settings over the values that the sources gave.
    pub(super) fn new(
        mode: Mode,
        settings: impl Iterator<Item = &'static Setting>,
        given: &'a BTreeMap<&'static str, SourcedValue>,
        errors: &'a mut Vec<ConfigError>,
    ) -> Self {
        Self { mode, settings: settings.collect(), given, errors }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the source of a key's value, if a source set it.
    pub(super) fn origin(&self, key: &str) -> Option<String> {
        self.given.get(key).map(|given| given.origin.to_string())
    }

    /// Returns whether an error was reported for a key or for its `_file` key.
    pub(super) fn has_error(&self, key: &str) -> bool {
        self.errors.iter().any(|error| error.key == key || error.key.strip_suffix("_file") == Some(key))
    }

    /// Reports an invalid value.
    pub(super) fn error(&mut self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        let (found, expected) = (found.into(), expected.into());
        self.errors.push(ConfigError { key: key.to_owned(), origin: self.origin(key), found, expected });
    }

    /// Reports a missing value, unless an error was already reported for the key.
    pub(super) fn missing(&mut self, key: &str, expected: impl Into<String>) {
        if !self.has_error(key) {
            self.error(key, "nothing", expected);
        }
    }

    pub(super) fn address(&mut self, key: &str) -> SocketAddr {
        match self.value(key) {
            Some(Value::Address(address)) => address,
            _ => (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }

    pub(super) fn count(&mut self, key: &str) -> usize {
        match self.value(key) {
            Some(Value::Count(count)) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    pub(super) fn duration(&mut self, key: &str) -> Duration {
        match self.value(key) {
            Some(Value::Duration(duration)) => duration,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn ratio(&mut self, key: &str) -> f64 {
        match self.value(key) {
            Some(Value::Ratio(ratio)) => ratio,
            _ => 0.0,
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Flag(true)))
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    fn value(&mut self, key: &str) -> Option<Value> {
        let setting = *self.settings.iter().find(|setting| setting.key == key)?;
        let default = || setting.default_in(self.mode).and_then(|text| value::from_text(setting.kind, text).ok());
        let Some(given) = self.given.get(key) else { return default() };
        match given.raw.parse(setting.kind) {
            Ok(value) => Some(value),
            Err(expected) => {
                let value = default();
                let found = if setting.secret { HIDDEN.to_owned() } else { given.raw.show() };
                self.error(key, found, expected);
                value
            }
        }
    }
}
