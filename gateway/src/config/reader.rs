//! Hands each section its values. What is wrong is noted, and the default stands in, so that one fault does not
//! hide the next.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::collect::SourcedValue;
use super::error::ConfigError;
use super::value::{self, Value};
use super::{Mode, schema};

/// What stands in a message for a secret.
const HIDDEN: &str = "a value that is not shown";

/// Reads the settings out of what the sources gave.
pub(super) struct Reader<'a> {
    mode: Mode,
    given: &'a BTreeMap<&'static str, SourcedValue>,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(mode: Mode, given: &'a BTreeMap<&'static str, SourcedValue>, errors: &'a mut Vec<ConfigError>) -> Self {
        Self { mode, given, errors }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the value of a key came from, if a source gave one.
    pub(super) fn origin(&self, key: &str) -> Option<String> {
        self.given.get(key).map(|given| given.origin.to_string())
    }

    /// Was something wrong with a key, or with the file that it names?
    pub(super) fn has_error(&self, key: &str) -> bool {
        self.errors.iter().any(|error| error.key == key || error.key.strip_suffix("_file") == Some(key))
    }

    /// Notes that a value is wrong.
    pub(super) fn error(&mut self, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        let (found, expected) = (found.into(), expected.into());
        self.errors.push(ConfigError { key: key.to_owned(), origin: self.origin(key), found, expected });
    }

    /// Notes that nothing was set, unless what was set is already noted as wrong.
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
            Some(Value::Duration(span)) => span,
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
        let setting = schema::find(key)?;
        let default = || setting.default_in(self.mode).and_then(|text| value::from_text(setting.kind, text).ok());
        let Some(given) = self.given.get(key) else { return default() };
        match given.raw.read(setting.kind) {
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
