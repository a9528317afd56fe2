//! The shape of the table of settings: what a row says, and how a setting is called in each source.

use std::time::Duration;

use super::{Mode, auth, bus, clients, drain, inbox, presence, services, sessions, telemetry, webhook};

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// `section.key`.
    pub(super) key: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its value in `serve` if nothing sets it, written as in an environment variable.
    pub(super) default: Option<&'static str>,
    /// Its value in `dev` if nothing sets it, where that differs.
    pub(super) dev: Option<&'static str>,
    /// Can the value be read from a file, named by `<key>_file`?
    pub(super) from_file: bool,
    /// Must the value never be shown?
    pub(super) secret: bool,
    /// What it does.
    pub(super) description: &'static str,
    /// Why the default is what it is, or why there is none.
    pub(super) reason: &'static str,
}

/// What a setting holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `address:port` to listen on.
    Address,
    /// A whole number within bounds.
    Count(u64, u64),
    /// A duration within bounds.
    Duration(Duration, Duration),
    /// A number within bounds.
    Ratio(f64, f64),
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of texts; in one line separated by commas.
    List,
}

/// A row with what most rows have in common; a section's table changes what differs.
pub(super) const BLANK: Setting = Setting {
    key: "",
    kind: Kind::Text,
    default: None,
    dev: None,
    from_file: false,
    secret: false,
    description: "",
    reason: "",
};

/// Each section: its name, what it is about, and its settings.
pub(super) const SECTIONS: [(&str, &str, &[Setting]); 10] = [
    ("clients", "The clients' door.", &clients::SETTINGS),
    ("services", "The services' door. It is never to be exposed to the internet.", &services::SETTINGS),
    (
        "auth",
        "Who may connect. Exactly one of `secret`, `public_key`, `jwks_file` and `jwks_url`.",
        &auth::SETTINGS,
    ),
    ("bus", "What connects the nodes.", &bus::SETTINGS),
    ("inbox", "What clients emit, on its way to the services.", &inbox::SETTINGS),
    ("webhook", "What clients emit, sent to a backend over HTTP.", &webhook::SETTINGS),
    ("presence", "Who is online.", &presence::SETTINGS),
    ("sessions", "How many sessions a user may have.", &sessions::SETTINGS),
    ("drain", "How a node is stopped without its clients noticing.", &drain::SETTINGS),
    ("telemetry", "What a node tells about itself.", &telemetry::SETTINGS),
];

/// Every setting.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.into_iter().flat_map(|(_, _, settings)| settings)
}

/// The setting of that key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.key == key)
}

/// Every key that may be given, those that name a file included.
pub(super) fn keys() -> impl Iterator<Item = String> {
    settings().flat_map(|setting| [Some(setting.key.to_owned()), setting.file_key()]).flatten()
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("WIREBELL_{}", key.replace('.', "_").to_ascii_uppercase())
}

impl Setting {
    /// The key that names a file to read the value from.
    pub(super) fn file_key(&self) -> Option<String> {
        self.from_file.then(|| format!("{}_file", self.key))
    }

    /// The default in that mode.
    pub(super) fn default_in(&self, mode: Mode) -> Option<&'static str> {
        match mode {
            Mode::Serve => self.default,
            Mode::Dev => self.dev.or(self.default),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::value;

    #[test]
    fn every_row_is_complete_and_its_defaults_are_of_its_kind() {
        for setting in settings() {
            assert!(setting.description.ends_with('.') && setting.reason.ends_with('.'), "{}", setting.key);
            assert!(!setting.secret || setting.from_file, "{}: a secret can be read from a file", setting.key);
            for default in [setting.default, setting.dev].into_iter().flatten() {
                assert!(value::from_text(setting.kind, default).is_ok(), "{}: {default}", setting.key);
            }
        }
    }

    #[test]
    fn every_key_has_a_variable_of_its_own_in_its_section() {
        let variables: BTreeSet<_> = keys().map(|key| variable(&key)).collect();
        assert_eq!(variables.len(), keys().count());
        for (section, _, settings) in SECTIONS {
            assert!(
                settings.iter().all(|setting| setting.key.split_once('.').is_some_and(|(of, _)| of == section))
            );
        }
    }
}
