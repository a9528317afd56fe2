//! The table of all settings, assembled from the tables of the sections.

use super::setting::Setting;
use super::{auth, bus, clients, drain, inbox, presence, services, sessions, telemetry, webhook};

/// Every section: its name, its title, and its settings.
pub(super) const SECTIONS: [(&str, &str, &[Setting]); 10] = [
    ("clients", "The client API.", &clients::SETTINGS),
    ("services", "The server API. Never expose it to the internet.", &services::SETTINGS),
    (
        "auth",
        "How client tokens are verified. Set exactly one of `secret`, `public_key`, `jwks_file` and `jwks_url`.",
        &auth::SETTINGS,
    ),
    ("bus", "The Redis that connects the nodes and stores the logs.", &bus::SETTINGS),
    ("inbox", "Events from clients, stored until services consume them.", &inbox::SETTINGS),
    ("webhook", "Events from clients, sent to a backend over HTTP.", &webhook::SETTINGS),
    ("presence", "Which users are online.", &presence::SETTINGS),
    ("sessions", "How many sessions a user may have.", &sessions::SETTINGS),
    ("drain", "Graceful shutdown of a node.", &drain::SETTINGS),
    ("telemetry", "Logs and traces.", &telemetry::SETTINGS),
];

/// Returns every setting.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.into_iter().flat_map(|(_, _, settings)| settings)
}

/// Returns every key that a source may set, including the `_file` keys.
pub(super) fn keys() -> impl Iterator<Item = String> {
    settings().flat_map(|setting| [Some(setting.key.to_owned()), setting.file_key()]).flatten()
}

/// Returns the environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("WIREBELL_{}", key.replace('.', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::value;

    #[test]
    fn every_row_is_complete_and_its_defaults_parse() {
        for setting in settings() {
            assert!(setting.description.ends_with('.') && setting.reason.ends_with('.'), "{}", setting.key);
            assert!(!setting.secret || setting.from_file, "{}: a secret must be readable from a file", setting.key);
            for default in [setting.default, setting.dev].into_iter().flatten() {
                assert!(value::from_text(setting.kind, default).is_ok(), "{}: {default}", setting.key);
            }
        }
    }

    #[test]
    fn every_key_begins_with_its_section_and_variables_are_unique() {
        let variables: BTreeSet<_> = keys().map(|key| variable(&key)).collect();
        assert_eq!(variables.len(), keys().count());
        for (section, _, settings) in SECTIONS {
            assert!(
                settings.iter().all(|setting| setting.key.split_once('.').is_some_and(|(of, _)| of == section))
            );
        }
    }
}
