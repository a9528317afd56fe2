//! One row of the table of settings: its key, kind, default and description.

use std::time::Duration;

use super::mode::Mode;

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// `section.key`.
    pub(super) key: &'static str,
    /// The type and bounds of the value.
    pub(super) kind: Kind,
    /// The default in `serve`, in the syntax of an environment variable.
    pub(super) default: Option<&'static str>,
    /// The default in `dev`, if it differs.
    pub(super) dev: Option<&'static str>,
    /// Whether `<key>_file` may name a file that holds the value.
    pub(super) from_file: bool,
    /// Whether the value must never be shown.
    pub(super) secret: bool,
    /// What the setting does.
    pub(super) description: &'static str,
    /// Why the default is what it is, or why there is none.
    pub(super) reason: &'static str,
}

/// The type and bounds of a setting's value.
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
    /// A list of texts; separated by commas when written in one line.
    List,
}

/// A row with the values that most rows share. Each row of a section's table overrides what
/// differs.
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

impl Setting {
    /// Returns the key that names a file to read the value from.
    pub(super) fn file_key(&self) -> Option<String> {
        self.from_file.then(|| format!("{}_file", self.key))
    }

    /// Returns the default in that mode.
    pub(super) fn default_in(&self, mode: Mode) -> Option<&'static str> {
        match mode {
            Mode::Serve => self.default,
            Mode::Dev => self.dev.or(self.default),
        }
    }
}
