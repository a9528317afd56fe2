//! Lays the sources over each other: the file, then the environment, then the flags.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::origin::Origin;
use super::schema::{self, Setting};
use super::value::RawValue;
use super::{Sources, environment, file, suggest};

/// What a source gave for a key.
#[derive(Debug, Clone)]
pub(super) struct SourcedValue {
    pub(super) raw: RawValue,
    pub(super) origin: Origin,
}

/// What the sources gave, by the key as it was written.
pub(super) type RawSettings = BTreeMap<String, SourcedValue>;

/// Everything that was given, by setting, with the values that stand in files of their own already read.
pub(super) fn collect(sources: &Sources, errors: &mut Vec<ConfigError>) -> BTreeMap<&'static str, SourcedValue> {
    let mut raw_settings = RawSettings::new();
    if let Some(path) = &sources.file {
        file::read(path, &mut raw_settings, errors);
    }
    environment::read(&sources.env, &mut raw_settings, errors);
    for (key, value, flag) in &sources.flags {
        add(&mut raw_settings, key, RawValue::Text(value.clone()), Origin::Flag(flag.clone()));
    }
    note_unknown(&raw_settings, errors);
    schema::settings().filter_map(|setting| Some((setting.key, settle(setting, &raw_settings, errors)?))).collect()
}

/// A later source replaces an earlier one; an empty text is no value.
pub(super) fn add(raw_settings: &mut RawSettings, key: &str, raw: RawValue, origin: Origin) {
    if !raw.is_empty() || !schema::keys().any(|known| known == key) {
        raw_settings.insert(key.to_owned(), SourcedValue { raw, origin });
    }
}

/// What may stand in a message behind "did you mean".
pub(super) fn hint(wrong: &str, candidates: impl Iterator<Item = String>) -> String {
    match suggest::nearest(wrong, candidates) {
        Some(near) => format!("a known one; did you mean {near}?"),
        None => "a known one".to_owned(),
    }
}

fn note_unknown(raw_settings: &RawSettings, errors: &mut Vec<ConfigError>) {
    let unknown = raw_settings.iter().filter(|(key, _)| !schema::keys().any(|known| known == **key));
    errors.extend(unknown.map(|(key, given)| ConfigError {
        key: key.clone(),
        origin: Some(given.origin.to_string()),
        found: "an unknown key".to_owned(),
        expected: hint(key, schema::keys()),
    }));
}

/// The value of a setting, its own or that of the file which is named instead.
fn settle(setting: &Setting, raw_settings: &RawSettings, errors: &mut Vec<ConfigError>) -> Option<SourcedValue> {
    let direct = raw_settings.get(setting.key);
    let named = setting.file_key().and_then(|key| Some((raw_settings.get(&key)?, key)));
    match (direct, named) {
        (Some(direct), Some((named, file_key))) => {
            errors.push(ConfigError {
                key: setting.key.to_owned(),
                origin: Some(direct.origin.to_string()),
                found: format!("also {file_key} ({})", named.origin),
                expected: "only one of the two".to_owned(),
            });
            Some(direct.clone())
        }
        (None, Some((named, file_key))) => match file::read_named(setting, named) {
            Ok(given) => Some(given),
            Err(found) => {
                let (origin, expected) = (Some(named.origin.to_string()), file::EXPECTED.to_owned());
                errors.push(ConfigError { key: file_key, origin, found, expected });
                None
            }
        },
        (direct, None) => direct.cloned(),
    }
}
