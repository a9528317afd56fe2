//! Lays the sources over each other: the file, then the environment, then the flags.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::origin::Origin;
use super::schema::{self, Setting};
use super::value::Raw;
use super::{Sources, environment, file, suggest};

/// What a source gave for a key.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

/// What the sources gave, by the key as it was written.
pub(super) type Written = BTreeMap<String, Given>;

/// Everything that was given, by setting, with the values that stand in files of their own already read.
pub(super) fn collect(sources: &Sources, faults: &mut Vec<Fault>) -> BTreeMap<&'static str, Given> {
    let mut written = Written::new();
    if let Some(path) = &sources.file {
        file::read(path, &mut written, faults);
    }
    environment::read(&sources.env, &mut written, faults);
    for (key, value, flag) in &sources.flags {
        add(&mut written, key, Raw::Text(value.clone()), Origin::Flag(flag.clone()));
    }
    note_unknown(&written, faults);
    schema::settings().filter_map(|setting| Some((setting.key, settle(setting, &written, faults)?))).collect()
}

/// A later source replaces an earlier one; an empty text is no value.
pub(super) fn add(written: &mut Written, key: &str, raw: Raw, origin: Origin) {
    if !raw.is_empty() || !schema::keys().any(|known| known == key) {
        written.insert(key.to_owned(), Given { raw, origin });
    }
}

/// What may stand in a message behind "did you mean".
pub(super) fn hint(wrong: &str, candidates: impl Iterator<Item = String>) -> String {
    match suggest::nearest(wrong, candidates) {
        Some(near) => format!("a known one; did you mean {near}?"),
        None => "a known one".to_owned(),
    }
}

fn note_unknown(written: &Written, faults: &mut Vec<Fault>) {
    let unknown = written.iter().filter(|(key, _)| !schema::keys().any(|known| known == **key));
    faults.extend(unknown.map(|(key, given)| Fault {
        key: key.clone(),
        origin: Some(given.origin.to_string()),
        found: "an unknown key".to_owned(),
        expected: hint(key, schema::keys()),
    }));
}

/// The value of a setting, its own or that of the file which is named instead.
fn settle(setting: &Setting, written: &Written, faults: &mut Vec<Fault>) -> Option<Given> {
    let direct = written.get(setting.key);
    let named = setting.file_key().and_then(|key| Some((written.get(&key)?, key)));
    match (direct, named) {
        (Some(direct), Some((named, file_key))) => {
            faults.push(Fault {
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
                faults.push(Fault { key: file_key, origin, found, expected });
                None
            }
        },
        (direct, None) => direct.cloned(),
    }
}
