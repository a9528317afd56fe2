//! Merges the sources: the file, then the environment, then the flags.

use std::collections::BTreeMap;

use super::environment::{self, Sources};
use super::error::ConfigError;
use super::origin::Origin;
use super::raw_settings::{RawSettings, add, hint};
use super::setting::Setting;
use super::value::{RawValue, SourcedValue};
use super::{file, schema};

/// Returns the raw value of each setting that a source sets. Values from `_file` files are already
/// read.
pub(super) fn collect(sources: &Sources, errors: &mut Vec<ConfigError>) -> BTreeMap<&'static str, SourcedValue> {
    let mut raw_settings = RawSettings::new();
    if let Some(path) = &sources.file {
        file::read(path, &mut raw_settings, errors);
    }
    environment::read(&sources.env, &mut raw_settings, errors);
    for (key, value, flag) in &sources.flags {
        add(&mut raw_settings, key, RawValue::Text(value.clone()), Origin::Flag(flag.clone()));
    }
    report_unknown_keys(&raw_settings, errors);
    schema::settings().filter_map(|setting| Some((setting.key, resolve(setting, &raw_settings, errors)?))).collect()
}

fn report_unknown_keys(raw_settings: &RawSettings, errors: &mut Vec<ConfigError>) {
    let unknown = raw_settings.iter().filter(|(key, _)| !schema::keys().any(|known| known == **key));
    errors.extend(unknown.map(|(key, given)| ConfigError {
        key: key.clone(),
        origin: Some(given.origin.to_string()),
        found: "an unknown key".to_owned(),
        expected: hint(key, schema::keys()),
    }));
}

/// Returns the value of a setting: its own, or the content of the file that `<key>_file` names.
fn resolve(setting: &Setting, raw_settings: &RawSettings, errors: &mut Vec<ConfigError>) -> Option<SourcedValue> {
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
        (None, Some((named, file_key))) => match file::read_value(setting, named) {
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
