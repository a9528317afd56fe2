//! The raw values of all sources, by key, before they are parsed.

use std::collections::BTreeMap;

use super::origin::Origin;
use super::value::{RawValue, SourcedValue};
use super::{schema, suggest};

/// The raw values that the sources set, by the key as it was written.
pub(super) type RawSettings = BTreeMap<String, SourcedValue>;

/// Adds a value. It replaces the value of an earlier source; an empty text sets nothing.
pub(super) fn add(raw_settings: &mut RawSettings, key: &str, raw: RawValue, origin: Origin) {
    if !raw.is_empty() || !schema::keys().any(|known| known == key) {
        raw_settings.insert(key.to_owned(), SourcedValue { raw, origin });
    }
}

/// Returns the `expected` text for an unknown name, with a suggestion if a known name is close.
pub(super) fn hint(unknown: &str, candidates: impl Iterator<Item = String>) -> String {
    match suggest::nearest(unknown, candidates) {
        Some(near) => format!("a known one; did you mean {near}?"),
        None => "a known one".to_owned(),
    }
}
