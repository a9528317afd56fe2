//! Knobs: what can be set, from where, and what is wrong with what was set.
//!
//! A new setting is one row in the table of its section's file and one field beside it. Everything else follows
//! from the row: the key in the file, the environment variable, `--set`, the help and `docs/configuration.md`.
//! This is the only room that reads the environment.

mod auth;
mod bus;
mod clients;
mod collect;
mod drain;
mod duration;
mod environment;
mod error;
mod file;
mod inbox;
mod load;
mod logs;
mod origin;
mod presence;
mod reader;
mod reference;
mod schema;
mod secret;
mod services;
mod sessions;
mod suggest;
mod telemetry;
mod url;
mod value;
mod webhook;

use wirebell_protocol::presence::Policy;

pub use auth::{Auth, DEV_SECRET};
pub use bus::Bus;
pub use clients::Clients;
pub use drain::Drain;
pub use environment::Sources;
pub use error::{ConfigError, ConfigErrors};
pub use inbox::Inbox;
pub use load::load;
pub use logs::LogRule;
pub use presence::Presence;
pub use reference::{document, reference};
pub use secret::Secret;
pub use services::Services;
pub use telemetry::{LogFormat, Telemetry};
pub use webhook::Webhook;

/// Everything that can be set, read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The clients' door.
    pub clients: Clients,
    /// The services' door.
    pub services: Services,
    /// Who may connect.
    pub auth: Auth,
    /// What connects the nodes.
    pub bus: Bus,
    /// What clients emit.
    pub inbox: Inbox,
    /// Where clients' events go over HTTP.
    pub webhook: Webhook,
    /// Who is online.
    pub presence: Presence,
    /// How many sessions a user may have.
    pub sessions: Policy,
    /// How a node is stopped.
    pub drain: Drain,
    /// What a node tells about itself.
    pub telemetry: Telemetry,
}

/// What the configuration is for. It decides some defaults and how much is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Production: whatever a node cannot safely run without must be set.
    Serve,
    /// A developer's machine: everything has a default.
    Dev,
}
