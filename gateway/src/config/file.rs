//! Reads the configuration file, and the files that hold a single value.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::origin::Origin;
use super::raw_settings::{RawSettings, add};
use super::schema;
use super::setting::{Kind, Setting};
use super::value::{RawValue, SourcedValue};

/// The `expected` text for a file that holds a single value.
pub(super) const EXPECTED: &str = "the path of a readable text file that is not empty";

/// Adds the values of the configuration file.
pub(super) fn read(path: &Path, raw_settings: &mut RawSettings, errors: &mut Vec<ConfigError>) {
    let config_error = |key: &str, found: String, expected: &str| ConfigError {
        key: key.to_owned(),
        origin: Some(Origin::File(path.to_owned()).to_string()),
        found,
        expected: expected.to_owned(),
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return errors.push(config_error("--config", describe(&error), "a readable TOML file")),
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return errors.push(config_error("--config", syntax_error(&text, &error), "TOML")),
    };
    for (section, value) in table {
        let toml::Value::Table(settings) = value else {
            let sections = schema::SECTIONS.map(|(name, ..)| format!("[{name}]")).join(", ");
            errors.push(config_error(
                &section,
                "a key outside a section".to_owned(),
                &format!("one of {sections} above it"),
            ));
            continue;
        };
        for (name, value) in settings {
            add(raw_settings, &format!("{section}.{name}"), RawValue::Toml(value), Origin::File(path.to_owned()));
        }
    }
}

/// Reads the value of a setting from its `_file` file, or returns what was found instead.
pub(super) fn read_value(setting: &Setting, named: &SourcedValue) -> Result<SourcedValue, String> {
    let path = match &named.raw {
        RawValue::Text(path) | RawValue::Toml(toml::Value::String(path)) => PathBuf::from(path),
        other => return Err(other.show()),
    };
    let text = fs::read_to_string(&path).map_err(|error| format!("{} at {}", describe(&error), path.display()))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("an empty file at {}", path.display()));
    }
    let raw = match setting.kind {
        Kind::List => {
            RawValue::Lines(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect())
        }
        _ => RawValue::Text(text.to_owned()),
    };
    Ok(SourcedValue { raw, origin: Origin::ValueFile(path, Box::new(named.origin.clone())) })
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "a file without read permission".to_owned(),
        ErrorKind::InvalidData => "a file that is not UTF-8 text".to_owned(),
        _ => format!("a file that cannot be read ({error})"),
    }
}

/// Describes a syntax error with its line number. It does not quote the line, which may hold a
/// secret.
fn syntax_error(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    let line = line.map(|line| format!(" in line {line}")).unwrap_or_default();
    format!("a syntax error{line} ({})", error.message())
}
