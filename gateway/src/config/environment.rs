//! Reads the environment variables. No other file reads the environment.

use std::env;
use std::path::PathBuf;

use super::error::ConfigError;
use super::origin::Origin;
use super::raw_settings::{RawSettings, add, hint};
use super::schema;
use super::value::RawValue;

const PREFIX: &str = "WIREBELL_";
/// The variable that names the configuration file. It is not a setting.
const CONFIG: &str = "WIREBELL_CONFIG";

/// The sources of settings, in order of precedence: a later one wins.
#[derive(Clone, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Environment variables, name and value.
    pub env: Vec<(String, String)>,
    /// Flags: the key, the value, and the flag's name for messages.
    pub flags: Vec<(String, String, String)>,
}

// Shows no values, since they may be secrets.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let variables: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        let flags: Vec<_> = self.flags.iter().map(|(key, ..)| key).collect();
        f.debug_struct("Sources").field("file", &self.file).field("env", &variables).field("flags", &flags).finish()
    }
}

impl Sources {
    /// Returns the `WIREBELL_` variables of the process. `WIREBELL_CONFIG` names the file.
    pub fn process() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let all = env::vars_os().map(|(name, value)| (text(name), text(value)));
        let env: Vec<_> = all.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        let file = env.iter().find(|(name, value)| name == CONFIG && !value.is_empty());
        Self { file: file.map(|(_, path)| path.into()), env, flags: Vec::new() }
    }
}

/// Adds the values of the variables.
pub(super) fn read(variables: &[(String, String)], raw_settings: &mut RawSettings, errors: &mut Vec<ConfigError>) {
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX) && !is_ignored(name)) {
        let config_error = |found: &str, expected: String| ConfigError {
            key: name.clone(),
            origin: None,
            found: found.to_owned(),
            expected,
        };
        match schema::keys().find(|key| schema::variable(key) == *name) {
            // A variable that is not UTF-8 contains the replacement character.
            Some(_) if value.contains('\u{fffd}') => {
                errors.push(config_error("a value that is not UTF-8", "UTF-8".to_owned()));
            }
            Some(key) => add(raw_settings, &key, RawValue::Text(value.clone()), Origin::Variable(name.clone())),
            None => {
                let names = schema::keys().map(|key| schema::variable(&key));
                errors.push(config_error("an unknown variable", hint(name, names)));
            }
        }
    }
}

/// Returns whether a variable with our prefix is not a setting: the file name, variables of tests,
/// and the variables that Kubernetes sets for each Service whose name begins with `wirebell`.
fn is_ignored(name: &str) -> bool {
    let ends = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"];
    name == CONFIG
        || name.starts_with("WIREBELL_TEST_")
        || ends.iter().any(|end| name.ends_with(end))
        || name.contains("_SERVICE_PORT_")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_ignored() {
        for variable in schema::keys().map(|key| schema::variable(&key)) {
            assert!(!is_ignored(&variable), "{variable}");
        }
    }

    #[test]
    fn kubernetes_service_variables_are_ignored() {
        for name in [
            "WIREBELL_SERVICE_HOST",
            "WIREBELL_SERVICE_PORT_HTTP",
            "WIREBELL_CLIENTS_PORT",
            "WIREBELL_CLIENTS_PORT_8080_TCP_ADDR",
            "WIREBELL_TEST_REDIS",
            "WIREBELL_CONFIG",
        ] {
            assert!(is_ignored(name), "{name}");
        }
        assert!(!is_ignored("WIREBELL_CLIENTS_LISTNE"));
    }

    #[test]
    fn debug_shows_no_value() {
        let sources = Sources {
            env: vec![("WIREBELL_AUTH_SECRET".into(), "hunter2".into())],
            flags: vec![("bus.redis".into(), "redis://:hunter2@r".into(), "--redis".into())],
            ..Sources::default()
        };
        assert!(!format!("{sources:?}").contains("hunter2"));
    }
}
