//! The configuration: every setting, its default and the reason for it.
//!
//! Sources come in: the configuration file, environment variables and flags. A checked [`Config`]
//! comes out, or every error at once. This module does not know what a setting is used for. No
//! other module reads the environment.
//!
//! A new setting is one row in the table of its section's file and one field beside it. The key in
//! the file, the environment variable, `--set`, the help and `docs/configuration.md` follow from
//! the row.
//!
//! Files import one way: small files ([`Mode`], `setting`, `value`) first, then the sections, then
//! `schema`, which lists the sections, then the sources, then `load`. This file only assembles
//! them.

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
mod mode;
mod origin;
mod presence;
mod raw_settings;
mod reader;
mod reference;
mod schema;
mod secret;
mod services;
mod sessions;
mod setting;
mod suggest;
mod telemetry;
mod url;
mod value;
mod webhook;

pub use auth::{Auth, DEV_SECRET};
pub use bus::Bus;
pub use clients::Clients;
pub use drain::Drain;
pub use environment::Sources;
pub use error::{ConfigError, ConfigErrors};
pub use inbox::Inbox;
pub use load::{Config, load};
pub use logs::LogRule;
pub use mode::Mode;
pub use presence::Presence;
pub use reference::{document, reference};
pub use secret::Secret;
pub use services::Services;
pub use telemetry::{LogFormat, Telemetry};
pub use webhook::Webhook;
