//! What the configuration is for: production or a developer's machine.

/// What the configuration is for. It decides some defaults and which settings are required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Production: settings without a safe default are required.
    Serve,
    /// A developer's machine: every setting has a default.
    Dev,
}
